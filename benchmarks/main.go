// Command benchmarks compares the SDK with others, with a naive client, and
// with the limit: json.Marshal of the same message, appended to a slice under a
// mutex, without a network. Each run is a process of its own, and so is the sink
// that the events go to; a run counts only if every event arrived. The runs are
// interleaved, and the table shows medians.
//
//	go run -C benchmarks .
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	child := flag.String("child", "", "run one client, in a process of its own; for internal use")
	scenario := flag.String("scenario", "", "of the child")
	sink := flag.String("sink", "", "URL the child sends to")
	events := flag.Int("events", 200_000, "events of a run")
	rounds := flag.Int("rounds", 5, "interleaved runs of each client")
	chart := flag.String("chart", "../docs/benchmarks.svg", "file to draw the chart to; empty: none")
	flag.Parse()
	log.SetFlags(0)
	var err error
	switch *child {
	case "":
		err = compare(*events, *rounds, *chart)
	case "sink":
		err = serveSink()
	default:
		err = runChild(*child, *scenario, *sink, *events)
	}
	if err != nil {
		log.Fatal(err)
	}
}

var clients = []string{"altertable", "PostHog", "Segment", "naive", "limit"}

var scenarios = []string{"at once", "20 ms", "4 producers", "hung", "call alone", "idle"}

// takesPart says which comparisons make sense. The limit has no network, and a
// client that sends within the call has no queue.
func takesPart(client, scenario string) bool {
	switch client {
	case "naive":
		return scenario == "at once" || scenario == "idle"
	case "limit":
		return scenario == "at once" || scenario == "4 producers" || scenario == "hung" || scenario == "call alone"
	}
	return true
}

// A result is what one run measured.
type result map[string]float64

// compare runs all, and prints and draws the medians.
func compare(events, rounds int, chart string) error {
	sink, err := startSink()
	if err != nil {
		return err
	}
	defer sink.stop()
	runs := map[string][]float64{} // by client, scenario and measure
	for round := range rounds {
		for _, scenario := range scenarios {
			for _, client := range clients {
				if !takesPart(client, scenario) {
					continue
				}
				log.Printf("round %d of %d: %s, %s", round+1, rounds, scenario, client)
				r, err := sink.run(client, scenario, events)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", client, scenario, err)
				}
				for measure, value := range r {
					key := strings.Join([]string{client, scenario, measure}, "/")
					runs[key] = append(runs[key], value)
				}
			}
		}
	}
	medians := result{}
	for key, values := range runs {
		slices.Sort(values)
		medians[key] = values[len(values)/2]
	}
	printTable(os.Stdout, medians)
	if chart == "" {
		return nil
	}
	return os.WriteFile(chart, drawChart(medians), 0o644)
}

// run makes one run in a child process, and checks that its events arrived.
func (s *sink) run(client, scenario string, events int) (result, error) {
	if client == "naive" {
		events = max(events/40, 1) // one request each
	}
	path := "/now"
	switch scenario {
	case "20 ms":
		path = "/slow"
	case "hung":
		path, events = "/hung", min(events, 50_000)
	case "call alone":
		path, events = "/hung", min(events, 20_000)
	}
	before, err := s.count()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-child", client, "-scenario", scenario, "-sink", s.url+path, "-events", fmt.Sprint(events))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	after, err := s.count()
	if err != nil {
		return nil, err
	}
	if arrived := after - before; delivers(client, scenario) && arrived != events {
		return nil, fmt.Errorf("%d of %d events arrived: the run is void", arrived, events)
	}
	var r result
	return r, errors.Join(json.Unmarshal(out, &r))
}

func delivers(client, scenario string) bool {
	return client != "limit" && (scenario == "at once" || scenario == "20 ms" || scenario == "4 producers")
}
