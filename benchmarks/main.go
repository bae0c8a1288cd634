// Command benchmarks compares the SDK with other clients, with a naive one, and
// with two limits:
//
//   - json.Marshal: encoding/json encodes the message, which is appended to a
//     slice under a mutex. Nothing is sent.
//   - zerolog + net/http: a fast encoder writes the same message, and net/http
//     posts the same batches. A client that delivers cannot do with less.
//
// Each run is a process of its own, and so is the sink that the events go to. A
// run counts only if every event arrived, in well-formed JSON. The runs are
// interleaved, and the table shows medians.
//
//	go run -C benchmarks .
//	go run -C benchmarks . -clients altertable,zerolog -scenarios literal,heap
package main

import (
	"flag"
	"log"
)

func main() {
	child := flag.String("child", "", "run one client, in a process of its own; for internal use")
	sink := flag.String("sink", "", "URL that the child sends to; for internal use")
	var o options
	flag.IntVar(&o.events, "events", 200_000, "events of a run")
	flag.IntVar(&o.rounds, "rounds", 5, "interleaved runs of each client")
	flag.StringVar(&o.clients, "clients", "", "names, joined by commas, of the clients to run; empty: all")
	flag.StringVar(&o.scenarios, "scenarios", "", "names, joined by commas, of the scenarios to run; empty: all")
	flag.StringVar(&o.chart, "chart", "", "file to draw the chart to, seen from the module's folder: "+
		"\"-chart ../docs/benchmarks.svg\" draws that of the README anew; empty: none")
	flag.StringVar(&o.profiles, "profiles", "", "folder for a CPU profile of each client and scenario that delivers; empty: none")
	flag.Parse()
	log.SetFlags(0)
	var err error
	switch *child {
	case "":
		err = compare(o)
	case "sink":
		err = serveSink()
	default:
		err = runChild(*child, *sink, o)
	}
	if err != nil {
		log.Fatal(err)
	}
}
