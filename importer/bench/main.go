// Command bench measures an import: events of 8 properties, as Parquet and as CSV,
// into a sink on the same machine that takes everything. Beside it runs what one
// would write first: a loop over encoding/csv that calls IdentifySync for each row.
// Sink and imports are processes of their own, and their memory is what the system
// says of them when they have ended.
//
//	go run -C importer ./bench
//	go run -C importer ./bench -events 10000000 -formats parquet
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// options are what the command is told.
type options struct {
	events  int
	naive   int
	formats []string
	command string // altertable-import
	dir     string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	var o options
	flag.IntVar(&o.events, "events", 1_000_000, "events of an import")
	flag.IntVar(&o.naive, "naive", 20_000, "rows of the loop: it needs as long for each, however many there are")
	formats := flag.String("formats", "parquet,csv", "`names`, joined by commas")
	flag.StringVar(&o.dir, "dir", "", "where the files go, gigabytes for many events; empty: the system's")
	child := flag.String("child", "", "files, sink or loop, in a process of its own; for internal use")
	flag.Parse()
	o.formats = strings.Split(*formats, ",")
	var err error
	switch *child {
	case "":
		err = measure(o)
	case "files":
		err = makeFiles(o.events, flag.Arg(0), flag.Arg(1))
	case "sink":
		err = serveSink()
	case "loop":
		err = loop(context.Background(), flag.Arg(0), flag.Arg(1), o.naive)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// measure makes the command and the files, and measures one after the other.
func measure(o options) (err error) {
	dir, err := os.MkdirTemp(o.dir, "altertable-importer-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	csv, parquet := filepath.Join(dir, "events.csv"), filepath.Join(dir, "events.parquet")
	if o.command, err = build(dir); err != nil {
		return err
	}
	// On Linux a child begins with the largest memory of its parent.
	maker := again("files", "-events", strconv.Itoa(o.events), csv, parquet)
	maker.Stderr = os.Stderr
	if err := maker.Run(); err != nil {
		return err
	}
	files := map[string]string{"csv": csv, "parquet": parquet}
	var all []measured
	for _, format := range o.formats {
		file, ok := files[format]
		if !ok {
			return fmt.Errorf("-formats: %q is neither parquet nor csv", format)
		}
		m, err := measureImport(o, format, file)
		if err != nil {
			return err
		}
		all = append(all, m)
	}
	naive, err := measureLoop(o, csv)
	if err != nil {
		return err
	}
	printTable(os.Stdout, append(all, naive))
	return nil
}
