// Command bench measures what an event costs on its way through the relay: it
// fills the relay's stream while nothing drains it, then drains it into a sink that
// knows every event. Broker, relay, producer and sink are processes of their own, and
// the processor time of each is what the system says of it when it has ended. A run
// counts only if every event arrived, each once.
//
//	go run -C relay ./bench
//	go run -C relay ./bench -events 1000000,10000000 -setups node
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
)

// options are what the command is told.
type options struct {
	events  []int
	setups  []string
	raw     int // events of the run without compression
	queue   int // events of natsqueue's benchmark
	batch   int
	flights int
	verbose bool
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	child := flag.String("child", "", "sink or producer, in a process of its own; for internal use")
	url := flag.String("url", "", "where the producer sends; for internal use")
	events := flag.String("events", "1000000", "`numbers` of events, joined by commas: a run with each")
	setups := flag.String("setups", "node,embedded", "`names`, joined by commas: node is a nats-server beside the relay")
	var o options
	flag.IntVar(&o.raw, "raw", 200_000, "events of the run without compression, at most")
	flag.IntVar(&o.queue, "natsqueue", 1_000_000, "events of natsqueue's own benchmark; 0: without it")
	flag.IntVar(&o.batch, "batch-size", 100, "events of a request to the API")
	flag.IntVar(&o.flights, "max-in-flight", 8, "requests to the API at one time")
	flag.BoolVar(&o.verbose, "v", false, "show what relay and broker log")
	flag.Parse()
	var err error
	if o.events, err = numbers(*events); err == nil {
		switch *child {
		case "sink":
			err = serveSink(o.events[0])
		case "producer":
			err = produce(*url, o.events[0])
		default:
			o.setups = strings.Split(*setups, ",")
			err = measureAll(o)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}

func numbers(list string) ([]int, error) {
	var all []int
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-events: %q is no number of events", text)
		}
		all = append(all, n)
	}
	return all, nil
}

// measureAll builds what is measured, and prints the table.
func measureAll(o options) error {
	dir, err := os.MkdirTemp("", "altertable-relay-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	programs, err := build(dir)
	if err != nil {
		return err
	}
	var columns []column
	for _, setup := range o.setups {
		for _, events := range o.events {
			r := run{options: o, programs: programs, setup: setup, events: events, dir: dir}
			c, err := r.measure()
			if err != nil {
				return errors.Join(fmt.Errorf("%s, %d events: %w", setup, events, err), r.stop())
			}
			columns = append(columns, c)
		}
	}
	printColumns(os.Stdout, columns)
	if o.queue == 0 {
		return nil
	}
	figures, err := runQueue(o.queue)
	if err != nil {
		return err
	}
	fmt.Println()
	printQueue(os.Stdout, figures)
	return nil
}
