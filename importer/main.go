// Command altertable-import brings users and their history to Altertable Product
// Analytics: what is in a table of users, and years of events in another tool.
//
//	go run -C importer .                            a sample, from a clone of the repository
//	altertable-import -dry-run events.csv           look, and send nothing
//	altertable-import -to local events.csv          see it in a console on this machine
//	ALTERTABLE_API_KEY=... altertable-import events.csv
//
// -h lists the flags with examples, and README.md has the rest.
//
// # The way of a row
//
// Package source reads the data into a table of DuckDB, once and in parallel, and
// stage sorts what a SELECT makes of it: who people are comes before what they
// did. Package message makes a message of each row. A dry run hands them to
// survey, an import to deliver, which sends them with the SDK's Enqueue, notes in
// a file of package state what was delivered, and writes what was refused to one
// of package reject.
//
// # How to read the command
//
//	main         signals, the terminal
//	run          what the arguments say, from one step to the next: read on there
//	flags        the command line: parse reads it, check refuses what makes no
//	             sense, usage writes what -h shows
//	choose       which source, and the preset's SQL; sql is -print-sql
//	environment  the variables: where messages go
//	files        the names of what is written; writable checks them before the
//	             source is read
//	dryrun       the dry run; advice looks for a preset that the source is made for
//	send         the import, by package deliver; resume decides where it begins
//	log          what the SDK says meanwhile
//	printed      what became of it; report is that as JSON
//	local        the import into a server within the process
//	results      standard output, and what if it is full
//	interrupt    the contexts of the first and the second Ctrl-C
//
// Standard output has results: the survey, the SQL, the report. All else is on
// standard error.
package main

import (
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/altertable-ai/altertable-go/local/server"
)

// Exit statuses.
const (
	exitOK          = 0
	exitFailed      = 1
	exitRefused     = 2 // rows were refused, all others are where they belong
	exitInterrupted = 130
)

func main() {
	server.Engine() // of -to local
	// A reader of standard output that goes away must not end the process, which
	// has a directory to remove.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does
		signal.Notify(signals, syscall.SIGHUP)
	}
	ctx, stop := interrupts(signals, func() { signal.Reset() })
	os.Exit(run(ctx, stop, os.Args[1:], systemTerminal()))
}

// A terminal is what the command reads and writes besides its arguments and
// files.
type terminal struct {
	command  string // how it was called
	getenv   func(string) string
	in       io.Reader
	out      *results
	err      io.Writer
	outWidth int        // 0: unknown
	errWidth func() int // nil: err is no terminal
	local    func(environments []string, log func(string)) (console, error)
}

func systemTerminal() terminal {
	t := terminal{
		command: "altertable-import",
		getenv:  os.Getenv,
		in:      os.Stdin,
		out:     &results{to: os.Stdout},
		err:     os.Stderr,
		local:   startLocal,
	}
	if path, err := os.Executable(); err == nil && strings.Contains(filepath.ToSlash(path), "/go-build") {
		t.command = "go run -C importer ."
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		t.outWidth = width
	}
	if fd := int(os.Stderr.Fd()); term.IsTerminal(fd) && os.Getenv("TERM") != "dumb" {
		t.errWidth = func() int {
			width, _, _ := term.GetSize(fd)
			return width
		}
	}
	return t
}
