package main

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

// runChild measures one client in one scenario, and prints the result.
func runChild(name, sinkURL string, o options) error {
	s, err := scenarioNamed(o.scenarios)
	if err != nil {
		return err
	}
	stopProfile, err := startProfile(o.profiles)
	if err != nil {
		return err
	}
	var r result
	switch s.measure {
	case delivery:
		r, err = measureDelivery(name, s, sinkURL, o.events)
	case call:
		r, err = measureCall(name, s, sinkURL, o.events)
	case memory:
		r, err = measureMemory(name, s, sinkURL, o.events)
	case idle:
		r, err = measureIdle(name, s, sinkURL)
	}
	if err := errors.Join(err, stopProfile()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// measureDelivery measures what it takes to deliver so many events, as if they
// were 200,000.
func measureDelivery(name string, s scenario, sinkURL string, events int) (result, error) {
	c, err := newClient(name, s, sinkURL+s.path, events)
	if err != nil {
		return nil, err
	}
	before := heap()
	cpu, start := cpuTime(), time.Now()
	calls, err := produce(c, s, events)
	calling := time.Since(start)
	if err := errors.Join(err, c.close()); err != nil {
		return nil, err
	}
	wall, used := time.Since(start), cpuTime()-cpu
	return result{
		"ns/call":      float64(calling.Nanoseconds()) / float64(events),
		"p99.9 us":     microseconds(percentile(calls, 0.999)),
		"wall s":       wall.Seconds() * 200_000 / float64(events),
		"CPU s":        used.Seconds() * 200_000 / float64(events),
		"allocs/event": float64(heap().Mallocs-before.Mallocs) / float64(events),
	}, nil
}

// measureCall measures the calls alone: the server hangs, and the queue has
// room for all events.
func measureCall(name string, s scenario, sinkURL string, events int) (result, error) {
	c, err := newClient(name, s, sinkURL+s.path, events)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	calls, err := produce(c, s, events)
	calling := time.Since(start)
	return result{
		"ns/call":  float64(calling.Nanoseconds()) / float64(events),
		"p99.9 us": microseconds(percentile(calls, 0.999)),
	}, err
}

// measureMemory measures how much heap an event takes in the queue while the
// server hangs. It compares a queue that has got going, whose requests and
// connections are there already, with one that is longer.
func measureMemory(name string, s scenario, sinkURL string, events int) (result, error) {
	sink := sink{url: sinkURL}
	if err := sink.awaitHung(0, 0); err != nil { // of earlier runs
		return nil, err
	}
	c, err := newClient(name, s, sinkURL+s.path, events)
	if err != nil {
		return nil, err
	}
	first := events / 5
	if err := c.heap(s.sample, first, nil); err != nil {
		return nil, err
	}
	if name != marshal { // it sends nothing
		if err := sink.awaitHung(min(s.inFlight, first/batchSize), events); err != nil {
			return nil, err
		}
	}
	heapBefore, jsonBefore := heap().HeapAlloc, queuedJSON(c)
	if err := c.heap(s.sample, events-first, nil); err != nil {
		return nil, err
	}
	heapAfter, jsonAfter := heap().HeapAlloc, queuedJSON(c)
	added := float64(events - first)
	r := result{"heap/event": (float64(heapAfter) - float64(heapBefore)) / added}
	if jsonAfter > jsonBefore {
		r["JSON/event"] = float64(jsonAfter-jsonBefore) / added
		r["heap/JSON"] = r["heap/event"] / r["JSON/event"]
	}
	runtime.KeepAlive(c)
	return r, nil
}

// queuedJSON returns the bytes of JSON that wait in c's queue; 0 if c does not tell.
func queuedJSON(c client) int64 {
	if c, ok := c.(interface{ queuedJSON() int64 }); ok {
		return c.queuedJSON()
	}
	return 0
}

func measureIdle(name string, s scenario, sinkURL string) (result, error) {
	goroutines := runtime.NumGoroutine()
	c, err := newClient(name, s, sinkURL+s.path, 1)
	if err != nil {
		return nil, err
	}
	time.Sleep(100 * time.Millisecond) // for what it starts to have started
	r := result{"goroutines": float64(runtime.NumGoroutine() - goroutines)}
	start := time.Now()
	err = c.close()
	r["close us"] = microseconds(time.Since(start))
	return r, err
}

// produce tracks the events, and returns how long the calls took if the
// scenario wants them timed.
func produce(c client, s scenario, events int) ([]*laps, error) {
	if s.literal {
		return nil, c.literal(events)
	}
	var timed []*laps
	errs := make([]error, s.producers)
	var wg sync.WaitGroup
	for p := range s.producers {
		share := (p+1)*events/s.producers - p*events/s.producers
		var l *laps
		if s.timed {
			l = newLaps(share)
			timed = append(timed, l)
		}
		wg.Go(func() { errs[p] = c.heap(s.sample, share, l) })
	}
	wg.Wait()
	return timed, errors.Join(errs...)
}

// heap returns the state of the heap without garbage. What is in pools goes
// with the second collection.
func heap() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// startProfile writes a CPU profile to the file until stop is called.
func startProfile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
