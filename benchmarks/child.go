package main

import (
	"encoding/json"
	"io"
	"log"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// runChild measures one client and prints the result.
func runChild(name, scenario, url string, events int) error {
	goroutines := runtime.NumGoroutine()
	before := memory()
	c, err := newClient(name, scenario, url)
	if err != nil {
		return err
	}
	r := result{}
	switch scenario {
	case "idle":
		<-time.After(100 * time.Millisecond) // for what it starts to have started
		r["goroutines"] = float64(runtime.NumGoroutine() - goroutines)
		start := time.Now()
		err = c.close()
		r["close us"] = float64(time.Since(start).Microseconds())
	case "hung", "call alone":
		start := time.Now()
		calls, produceErr := produce(c, producersOf(scenario), events)
		r["ns/call"] = float64(time.Since(start).Nanoseconds()) / float64(events)
		r["p99.9 us"] = percentile(calls, 0.999)
		r["heap/event"] = float64(memory().HeapAlloc-before.HeapAlloc) / float64(events)
		err = produceErr
		runtime.KeepAlive(c)
	default:
		cpu, start := cpuTime(), time.Now()
		calls, produceErr := produce(c, producersOf(scenario), events)
		r["ns/call"] = float64(time.Since(start).Nanoseconds()) / float64(events)
		if err = c.close(); produceErr != nil {
			err = produceErr
		}
		r["wall s"] = time.Since(start).Seconds() * 200_000 / float64(events)
		r["CPU s"] = (cpuTime() - cpu).Seconds() * 200_000 / float64(events)
		r["p99.9 us"] = percentile(calls, 0.999)
		r["allocs/event"] = float64(memory().Mallocs-before.Mallocs) / float64(events)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func producersOf(scenario string) int {
	if scenario == "4 producers" || scenario == "hung" {
		return 4
	}
	return 1
}

// produce tracks the events and returns how long each call took.
func produce(c client, producers, events int) ([]time.Duration, error) {
	calls := make([]time.Duration, events)
	errs := make([]error, producers)
	var wg sync.WaitGroup
	for p := range producers {
		share := calls[p*events/producers : (p+1)*events/producers]
		wg.Go(func() {
			for i := range share {
				properties := newProperties()
				start := time.Now()
				err := c.track(properties)
				share[i] = time.Since(start)
				if err != nil {
					errs[p] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return calls, nil
}

func percentile(calls []time.Duration, p float64) float64 {
	if len(calls) == 0 {
		return 0
	}
	slices.Sort(calls)
	return float64(calls[int(float64(len(calls)-1)*p)].Nanoseconds()) / 1000
}

func memory() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
