package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// A run fills the stream with events, and drains it.
type run struct {
	options
	programs
	setup  string
	events int
	dir    string

	broker *process // nil if it is embedded
	relay  *process // nil unless it runs
	sink   *process
	listen string // of the relay
	admin  string
	api    string // the sink's URL
	nats   string // the broker's address
	store  string // the broker's directory
}

// A column is what a run measured.
type column struct {
	setup   string
	events  int
	batch   int
	arrived arrival

	fill, drain     time.Duration
	producer        usage
	intake, drainer usage
	broker          usage // with a node: of both
	ready           time.Duration
	disk, rawDisk   float64 // bytes an event
}

func (r *run) measure() (c column, err error) {
	c = column{setup: r.setup, events: r.events, batch: r.batch}
	if c.rawDisk, err = r.withoutCompression(); err != nil {
		return c, err
	}
	if err := r.begin(r.events); err != nil {
		return c, err
	}
	if c.fill, c.producer, c.intake, err = r.fillWith(r.events, "s2"); err != nil {
		return c, err
	}
	if c.disk, err = r.diskOf(r.events); err != nil {
		return c, err
	}
	if err := r.drainAll(&c); err != nil {
		return c, err
	}
	c.broker, err = r.finish()
	return c, err
}

// withoutCompression returns the bytes that an event takes then.
func (r *run) withoutCompression() (float64, error) {
	events := min(r.events, r.raw)
	if err := r.begin(events); err != nil {
		return 0, err
	}
	if _, _, _, err := r.fillWith(events, "none"); err != nil {
		return 0, err
	}
	disk, err := r.diskOf(events)
	if err != nil {
		return 0, err
	}
	_, err = r.finish()
	return disk, err
}

// begin starts the sink, and the broker unless it is embedded.
func (r *run) begin(events int) (err error) {
	r.store = filepath.Join(r.dir, "store")
	if r.sink, r.api, err = startSink(r.self, events); err != nil {
		return err
	}
	if r.setup == "embedded" {
		return nil
	}
	if r.nats, err = freePort(); err != nil {
		return err
	}
	config := filepath.Join(r.dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\nmax_payload: 4MB\njetstream: {store_dir: %q}\n", r.nats, filepath.ToSlash(r.store))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	r.broker, err = start("nats-server", r.verbose, r.programs.broker, "-c", config)
	return err
}

// serve starts a relay of the role, and returns how long it took to be ready.
func (r *run) serve(role, compression string) (ready time.Duration, err error) {
	if r.listen, err = freePort(); err != nil {
		return 0, err
	}
	if r.admin, err = freePort(); err != nil {
		return 0, err
	}
	args := []string{"serve", "--listen", r.listen, "--admin-listen", r.admin, "--role", role, "--api", r.api,
		"--compression", compression, "--log-level", "warn", "--shutdown-timeout", "5s",
		"--batch-size", strconv.Itoa(r.batch), "--max-in-flight", strconv.Itoa(r.flights)}
	if r.broker != nil {
		args = append(args, "--nats", "nats://"+r.nats, "--replicas", "1")
	} else {
		args = append(args, "--data", r.store, "--max-bytes", "1TiB")
	}
	began := time.Now()
	if r.relay, err = start("relay", r.verbose, r.programs.relay, args...); err != nil {
		return 0, err
	}
	for limit := began.Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		answer, err := http.Get("http://" + r.admin + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		if time.Now().After(limit) {
			return 0, errors.New("the relay is not ready within 5 minutes")
		}
	}
}

// fillWith stores the events while nothing drains them. A relay with a broker of
// its own drains always: there, the API is down.
func (r *run) fillWith(events int, compression string) (took time.Duration, producer, relay usage, err error) {
	role := "intake"
	if r.broker == nil {
		role = "intake,drain"
		if _, err = r.ask("/shut"); err != nil {
			return 0, producer, relay, err
		}
	}
	if _, err = r.serve(role, compression); err != nil {
		return 0, producer, relay, err
	}
	began := time.Now()
	p, err := start("producer", r.verbose, r.self, "-child", "producer", "-url", "http://"+r.listen, "-events", strconv.Itoa(events))
	if err != nil {
		return 0, producer, relay, err
	}
	producer, err = p.wait()
	took = time.Since(began)
	if err != nil {
		return 0, producer, relay, err
	}
	relay, err = r.endRelay()
	return took, producer, relay, err
}

func (r *run) endRelay() (usage, error) {
	p := r.relay
	r.relay = nil
	return p.end()
}

// drainAll delivers what is stored.
func (r *run) drainAll(c *column) (err error) {
	role := "drain"
	if r.broker == nil {
		role = "intake,drain"
	}
	if _, err = r.ask("/open"); err != nil {
		return err
	}
	if c.ready, err = r.serve(role, "s2"); err != nil {
		return err
	}
	for last, since := 0, time.Now(); c.arrived.Events < r.events; time.Sleep(50 * time.Millisecond) {
		if c.arrived, err = r.ask("/arrived"); err != nil {
			return err
		}
		if c.arrived.Events > last {
			last, since = c.arrived.Events, time.Now()
		}
		if time.Since(since) > 2*time.Minute {
			return fmt.Errorf("%d events arrived, and then none for 2 minutes", last)
		}
	}
	if c.drainer, err = r.endRelay(); err != nil {
		return err
	}
	if c.arrived, err = r.ask("/arrived"); err == nil && c.arrived.Twice > 0 {
		err = fmt.Errorf("%d events arrived twice", c.arrived.Twice)
	}
	c.drain = c.arrived.Last.Sub(c.arrived.First)
	return err
}

// ask asks the sink.
func (r *run) ask(path string) (a arrival, err error) {
	answer, err := http.Get(r.api + path)
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	return a, json.NewDecoder(answer.Body).Decode(&a)
}

// diskOf returns the bytes that an event takes on disk.
func (r *run) diskOf(events int) (float64, error) {
	total := int64(0)
	err := filepath.WalkDir(r.store, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) { // a broker that runs renames files
			return nil
		}
		total += info.Size()
		return err
	})
	return float64(total) / float64(events), err
}

// finish ends the broker, and forgets what is stored.
func (r *run) finish() (used usage, err error) {
	if r.broker != nil {
		p := r.broker
		r.broker = nil
		if used, err = p.end(); err != nil {
			return used, err
		}
	}
	return used, r.stop()
}

// stop ends what still runs.
func (r *run) stop() error {
	for _, p := range []*process{r.relay, r.broker, r.sink} {
		if p != nil && p.cmd.Process != nil {
			p.kill()
		}
	}
	r.relay, r.broker, r.sink = nil, nil, nil
	return os.RemoveAll(r.store)
}
