package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/natsqueue"
)

// planVariable is in the environment of a producer's process.
const planVariable = "ALTERTABLE_CHAOS_PRODUCER"

// spoolName is that of all spools.
const spoolName = "chaos"

// A plan is what a producer does.
type plan struct {
	Source      string        // the name that its events' ids begin with
	URL         string        // of the relay
	NATS        string        // of the broker, in place of the relay
	Token       string        // of the relay
	Spool       string        // a directory: it only writes there, and what is on disk is acknowledged
	Journal     string        // the file where it notes what was acknowledged
	PerSecond   int           // events; 0: as many as the queue takes
	Count       int           // events; 0: until its standard input ends
	People      int           // distinct ids; 0: 20
	Identify    int           // one of so many events is an identify; 0: none
	Environment string        // "": production
	MaxInFlight int           // requests; 0: 2
	Flush       time.Duration // interval; 0: 20 ms
}

// What must not be found in any log or metric.
const (
	secretPerson = "chaosperson" // in every distinct id
	secretNote   = "chaosnote"   // in every event's properties and traits
	secretEvent  = "chaosevent"  // in every event's name
)

// produce is a producer's main function. It sends events until its input ends,
// and waits for their outcomes. The result is 0 if all were acknowledged.
func produce(text string) int {
	signal.Ignore(syscall.SIGPIPE)
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		fmt.Println("producer: a plan that is none")
		return 2
	}
	journal, err := os.OpenFile(p.Journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Println("producer: no journal")
		return 2
	}
	transport, err := p.transport()
	if err != nil {
		fmt.Println("producer:", err)
		return 2
	}
	client, err := p.client(transport)
	if err != nil {
		fmt.Println("producer:", err)
		return 2
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is the news
		close(stop)
	}()
	var failed atomic.Int64
	p.send(client, stop, func(number int, err error) {
		if err != nil {
			failed.Add(1)
			return
		}
		_, _ = journal.Write(append(strconv.AppendInt(nil, int64(number), 10), '\n')) // what is not noted is not counted
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.Shutdown(ctx); err != nil || failed.Load() > 0 {
		fmt.Printf("producer %s: %d failed: %v\n", p.Source, failed.Load(), err)
		return 1
	}
	return 0
}

// transport leads to the relay over HTTP, or to the broker.
func (p plan) transport() (http.RoundTripper, error) {
	if p.NATS == "" {
		return &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 10 * time.Second}, nil
	}
	conn, err := nats.Connect(p.NATS, natsqueue.ConnectOptions()...)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	return natsqueue.New(js, "default"), nil
}

func (p plan) client(transport http.RoundTripper) (*altertable.Client, error) {
	p.MaxInFlight = or(p.MaxInFlight, 2)
	p.Flush = or(p.Flush, 20*time.Millisecond)
	if p.Spool != "" {
		return altertable.New(p.Token, altertable.WithSpool(p.Spool, altertable.SpoolName(spoolName), altertable.SpoolWriteOnly()),
			altertable.WithLogger(slog.New(slog.NewTextHandler(os.Stdout, nil))))
	}
	return altertable.New(p.Token, altertable.WithBaseURL(or(p.URL, "http://127.0.0.1")), altertable.WithOverflow(altertable.Block),
		altertable.WithMaxQueueSize(5000), altertable.WithFlushInterval(p.Flush), altertable.WithMaxInFlight(p.MaxInFlight),
		altertable.WithRequestTimeout(3*time.Second), altertable.WithHTTPClient(&http.Client{Transport: transport}),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: 20 * time.Millisecond, MaxInterval: 500 * time.Millisecond}),
		altertable.WithLogger(slog.New(slog.NewTextHandler(os.Stdout, nil))))
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// send calls done with each event's number and outcome.
func (p plan) send(client *altertable.Client, stop <-chan struct{}, done func(int, error)) {
	const step = 10 * time.Millisecond
	ticks := time.NewTicker(step)
	defer ticks.Stop()
	began := time.Now()
	for n := 0; p.Count == 0 || n < p.Count; n++ {
		for p.PerSecond > 0 && float64(n) >= time.Since(began).Seconds()*float64(p.PerSecond) {
			select {
			case <-ticks.C:
			case <-stop:
				return
			}
		}
		select {
		case <-stop:
			return
		default:
		}
		outcome := func(err error) { done(n, err) }
		if p.Spool != "" {
			outcome = nil
		}
		if err := client.Enqueue(context.Background(), p.message(n), outcome); err != nil || p.Spool != "" {
			done(n, err)
		}
	}
}

// message returns the event of that number, always the same one except for its time.
func (p plan) message(n int) altertable.Message {
	person := fmt.Sprintf("%s-%d", secretPerson, n/max(1, p.Identify)%or(p.People, 20))
	at := time.Now().UnixNano()
	switch {
	case p.Identify > 0 && n%p.Identify == 0:
		return altertable.Identify{DistinctID: person, Environment: p.Environment,
			Traits: altertable.Traits{"id": eventID(p.Source, n), "at": at, "note": secretNote}}
	case n%97 == 1:
		return altertable.Alias{DistinctID: person, NewUserID: eventID(p.Source, n), Environment: p.Environment}
	}
	return altertable.Track{Event: secretEvent, DistinctID: person, Environment: p.Environment,
		Properties: altertable.Properties{"id": eventID(p.Source, n), "at": at, "note": secretNote}}
}

// readJournal returns the numbers of the events that were acknowledged.
func readJournal(path string) (numbers []int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		n, err := strconv.Atoi(scanner.Text())
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
