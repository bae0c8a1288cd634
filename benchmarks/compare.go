package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// options are those of the command line.
type options struct {
	events, rounds     int
	clients, scenarios string // names, joined by commas
	chart, profiles    string
}

// A result is what one run measured.
type result map[string]float64

// compare runs all, and prints and draws the medians.
func compare(o options) error {
	names, err := chosen(clientNames, o.clients)
	if err != nil {
		return err
	}
	selected, err := chosen(scenarioNames(), o.scenarios)
	if err != nil {
		return err
	}
	sink, err := startSink()
	if err != nil {
		return err
	}
	defer sink.stop()
	runs := map[string][]float64{} // by client, scenario and measure
	for round := range o.rounds {
		for _, scenarioName := range selected {
			s, err := scenarioNamed(scenarioName)
			if err != nil {
				return err
			}
			log.Printf("round %d of %d: %s", round+1, o.rounds, s.name)
			results, err := sink.runAll(names, s, o)
			if err != nil {
				return err
			}
			for client, r := range results {
				for measure, value := range r {
					runs[key(client, s.name, measure)] = append(runs[key(client, s.name, measure)], value)
				}
			}
		}
	}
	medians := medians(runs)
	info, _ := debug.ReadBuildInfo()
	printTable(os.Stdout, medians, versions(info))
	if o.chart == "" {
		return nil
	}
	return os.WriteFile(o.chart, drawChart(medians), 0o644)
}

func key(parts ...string) string { return strings.Join(parts, "/") }

func medians(runs map[string][]float64) result {
	r := result{}
	for key, values := range runs {
		slices.Sort(values)
		r[key] = values[len(values)/2]
	}
	return r
}

// runAll runs those of the clients that take part in a scenario.
func (s *sink) runAll(clients []string, sc scenario, o options) (map[string]result, error) {
	results := map[string]result{}
	for _, client := range clients {
		if !takesPart(client, sc) {
			continue
		}
		r, err := s.run(client, sc, o)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", sc.name, client, err)
		}
		results[client] = r
	}
	relate(results)
	return results, nil
}

// relate adds to each result its CPU time as a multiple of the limit's. The
// runs of a round follow each other, so a machine whose speed changes between
// rounds does not change their ratio much.
func relate(results map[string]result) {
	limit, ok := results[zero]["CPU s"]
	if !ok {
		return
	}
	for _, r := range results {
		if cpu, ok := r["CPU s"]; ok {
			r["CPU/limit"] = cpu / limit
		}
	}
}

// run makes one run in a child process, and checks that its events arrived.
func (s *sink) run(client string, sc scenario, o options) (result, error) {
	events := eventsOf(client, sc, o.events)
	before, err := s.arrived()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-child", client, "-sink", s.url, "-scenarios", sc.name, "-events", fmt.Sprint(events))
	if o.profiles != "" && sc.measure == delivery {
		file := strings.ReplaceAll(client+"-"+sc.name, " ", "-") + ".pprof"
		cmd.Args = append(cmd.Args, "-profiles", filepath.Join(o.profiles, file))
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	after, err := s.arrived()
	if err != nil {
		return nil, err
	}
	if err := verify(client, sc, events, before, after); err != nil {
		return nil, err
	}
	return parseResult(out)
}

// verify returns an error for a run whose events did not all arrive in good order.
func verify(client string, sc scenario, events int, before, after tally) error {
	if sc.measure != delivery || client == marshal {
		return nil
	}
	if n := after.Malformed - before.Malformed; n > 0 {
		return fmt.Errorf("the run is void: %d malformed requests", n)
	}
	if n := after.Events - before.Events; n != events {
		return fmt.Errorf("the run is void: %d of %d events arrived", n, events)
	}
	if n := after.Complete - before.Complete; n != events && (client == sdk || client == zero) {
		return fmt.Errorf("the run is void: %d of %d events have the system's properties", n, events)
	}
	return nil
}

// parseResult reads what a child printed.
func parseResult(out []byte) (result, error) {
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("the child's result: %w", err)
	}
	return r, nil
}
