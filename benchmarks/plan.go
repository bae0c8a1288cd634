package main

import (
	"fmt"
	"slices"
	"strings"
)

// The clients, in the order of the table's columns.
const (
	sdk     = "altertable"
	zero    = "zerolog" // the limit of a client that delivers
	marshal = "marshal" // the limit of a client that encodes with encoding/json
	posthog = "PostHog"
	segment = "Segment"
	naive   = "naive"
)

var clientNames = []string{sdk, zero, marshal, posthog, segment, naive}

// A scenario is what a run does, and what is measured.
type scenario struct {
	name      string
	measure   measure
	path      string // how the sink answers
	literal   bool   // the caller's map is a literal at the call; else another function makes it
	producers int
	timed     bool   // each call is timed
	inFlight  int    // requests, where the client lets one choose
	max       int    // bound on the events; 0: none
	sample    sample // the event
}

type measure int

const (
	delivery measure = iota // from the first call until everything is delivered
	call                    // the calls alone, while the server hangs
	memory                  // what the queue holds, while the server hangs
	idle                    // a client without events
)

var scenarios = []scenario{
	{name: "literal", measure: delivery, path: "/now", literal: true, producers: 1, inFlight: 8, sample: usual},
	{name: "heap", measure: delivery, path: "/now", producers: 1, inFlight: 8, sample: usual},
	{name: "20 ms", measure: delivery, path: "/slow", producers: 1, inFlight: 64, sample: usual},
	{name: "4 producers", measure: delivery, path: "/now", producers: 4, timed: true, inFlight: 8, sample: usual},
	{name: "hung", measure: call, path: "/hung", producers: 4, timed: true, inFlight: 8, max: 50_000, sample: usual},
	{name: "alone", measure: call, path: "/hung", producers: 1, inFlight: 8, max: 20_000, sample: usual},
	{name: "queued 200", measure: memory, path: "/hung", inFlight: 8, max: 50_000, sample: short},
	{name: "queued 340", measure: memory, path: "/hung", inFlight: 8, max: 50_000, sample: usual},
	{name: "queued 512", measure: memory, path: "/hung", inFlight: 8, max: 50_000, sample: longer},
	{name: "queued 1024", measure: memory, path: "/hung", inFlight: 8, max: 50_000, sample: longest},
	{name: "idle", measure: idle, path: "/now", inFlight: 8, sample: usual},
}

func scenarioNamed(name string) (scenario, error) {
	for _, s := range scenarios {
		if s.name == name {
			return s, nil
		}
	}
	return scenario{}, fmt.Errorf("unknown scenario %q", name)
}

// takesPart says which comparisons make sense.
func takesPart(client string, s scenario) bool {
	switch client {
	case naive: // it has no queue
		return s.measure == delivery && s.path == "/now" && s.producers == 1 || s.measure == idle
	case marshal: // it sends nothing
		return s.path != "/slow" && s.measure != idle
	case zero: // its calls wait for the network
		return s.measure == delivery
	case posthog, segment: // what JSON they will make of their queue is their affair
		return s.measure != memory || s.name == "queued 340"
	}
	return true
}

// eventsOf returns how many events a run takes of those asked for.
func eventsOf(client string, s scenario, asked int) int {
	if client == naive {
		asked = max(asked/40, 1) // one request each
	}
	if s.max > 0 {
		return min(asked, s.max)
	}
	return asked
}

// chosen returns those of all that the list names, or all if it names none.
func chosen(all []string, list string) ([]string, error) {
	if list == "" {
		return all, nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("unknown name %q; there are: %s", name, strings.Join(all, ", "))
		}
	}
	return names, nil
}

func scenarioNames() []string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.name
	}
	return names
}
