package altertable

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

var (
	doneSchedules = flag.Int("doneschedules", 60, "random schedules of TestDonesModel")
	firstDone     = flag.Int("firstdone", 0, "the seed of the first of them")
)

// A doneRun is clients, alone or on a common spool, whose dones, callbacks,
// server and files do what they like. It depends on its seed, except for the
// client's jitter and the order in which goroutines run.
type doneRun struct {
	*testing.T
	*rand.Rand
	dir      string // of the spool, "" for none
	quick    bool   // no callback takes long or waits for the client
	harms    bool   // files are removed and damaged
	policy   Overflow
	log      []string
	living   []*doneClient
	ended    []*doneClient
	calls    sync.WaitGroup
	release  chan struct{} // ends the callbacks that are stuck
	mu       sync.Mutex    // guards all below
	mood     int
	calm     bool
	random   *rand.Rand // of the server and the callbacks
	messages []*doneMessage
	problem  string
	harmed   bool
}

type doneClient struct {
	*Client
	number           int
	maxQueue         int
	onError, onDeliv bool
	writesOnly       bool
	inside           int
	ready            chan struct{}
}

type doneMessage struct {
	number    int
	client    *doneClient
	accepted  bool
	refused   error
	discarded bool
	stored    int
	unsure    bool // the client may not have seen that it is stored
	told      []error
	toldAt    time.Time
	lost      int // to OnError, with its payload
	delivered int // to OnDelivery
	token     weak.Pointer[[64]byte]
}

func (r *doneRun) complain(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.problem == "" {
		r.problem = fmt.Sprintf(format, args...)
	}
}

func (r *doneRun) luck(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.IntN(n)
}

var doneNumber = regexp.MustCompile(`msg-(\d+)`)

// numbered returns the messages in a text.
func (r *doneRun) numbered(text []byte) (all []*doneMessage) {
	for _, match := range doneNumber.FindAllSubmatch(text, -1) {
		n, _ := strconv.Atoi(string(match[1]))
		all = append(all, r.messages[n])
	}
	return all
}

func (r *doneRun) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	ctx := request.Context()
	r.mu.Lock()
	mood, calm, x, delay := r.mood, r.calm, r.random.IntN(100), time.Duration(r.random.IntN(900))*time.Millisecond
	if !calm {
		for _, m := range r.numbered(body) {
			if m.refused != nil {
				r.problem = fmt.Sprintf("#%d is sent, though its call returned %v", m.number, m.refused)
			}
		}
	}
	r.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	status, text := 200, ""
	if !calm {
		switch {
		case mood == 1:
			status = 503
		case mood == 2 && x < 60:
			status = []int{500, 503, 429, 408, 403}[x%5]
		case mood == 3 && x < 50:
			status = 429
		case mood == 4 && x < 50:
			<-ctx.Done()
			return nil, ctx.Err()
		case mood == 5 && x < 50:
			status = 0 // the answer is lost
		case mood == 6 && x < 70:
			status = 401
		case mood == 7 && x < 70:
			status, text = 400, `{"ok":false,"error_code":"environment-not-found"}`
		case mood == 8 && x < 50:
			status = []int{404, 413, 422, 400, 421}[x%5]
		}
	}
	if status == 200 {
		switch {
		case strings.Contains(string(body), "poison") && !calm:
			status = 500
		case strings.Contains(string(body), "wrong") || !json.Valid(body):
			status = 422
		}
	}
	if status == 200 || status == 0 {
		r.mu.Lock()
		unsure := ctx.Err() != nil || status == 0
		for _, m := range r.numbered(body) {
			m.stored++
			m.unsure = m.unsure || unsure
		}
		r.mu.Unlock()
		if status == 0 {
			return nil, errors.New("lost")
		}
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}, nil
}

func (r *doneRun) start() *doneClient {
	c := &doneClient{number: len(r.living) + len(r.ended), maxQueue: choose(r.Rand, 1, 3, 10, 40, 1000), ready: make(chan struct{})}
	c.onError, c.onDeliv = r.IntN(2) == 0, r.IntN(2) == 0
	opts := []Option{
		WithHTTPClient(&http.Client{Transport: r}), WithBaseURL("http://localhost"), WithLogger(slog.New(slog.DiscardHandler)),
		WithMaxBatchSize(choose(r.Rand, 1, 2, 3, 8, 100)), WithMaxInFlight(choose(r.Rand, 1, 2, 8)), WithMaxQueueSize(c.maxQueue),
		WithMaxQueueBytes(choose(r.Rand, 1<<10, 4<<10, 64<<20)), WithOverflow(r.policy),
		WithFlushInterval(choose(r.Rand, time.Nanosecond, 50*time.Millisecond, time.Second, time.Hour)),
		WithRetry(RetryPolicy{InitialInterval: choose(r.Rand, 10*time.Millisecond, 500*time.Millisecond), MaxElapsed: choose(r.Rand, 4*time.Second, time.Minute, 24*time.Hour)}),
		WithBeforeSend(func(m Message) Message {
			if t, ok := m.(Track); ok && strings.Contains(t.Event, "discard") {
				return nil
			}
			return m
		}),
	}
	if c.onError {
		opts = append(opts, WithOnError(func(err error) {
			defer r.enter(c)()
			var lost *DeliveryError
			if errors.As(err, &lost) {
				r.mu.Lock()
				for _, payload := range lost.Payloads() {
					for _, m := range r.numbered(payload) {
						m.lost++
					}
				}
				if n := len(lost.Payloads()); n != lost.Count && !r.harmed && n != 0 {
					r.problem = fmt.Sprintf("OnError: %d payloads of %d", n, lost.Count)
				}
				r.mu.Unlock()
			}
			r.act(c)
		}))
	}
	if c.onDeliv {
		opts = append(opts, WithOnDelivery(func(d Delivery) {
			defer r.enter(c)()
			r.mu.Lock()
			for _, payload := range d.Payloads() {
				for _, m := range r.numbered(payload) {
					if m.delivered++; len(m.told) > 0 && m.client == c {
						r.problem = fmt.Sprintf("#%d: done before OnDelivery", m.number)
					}
				}
			}
			r.mu.Unlock()
			r.act(c)
		}))
	}
	if r.dir != "" {
		c.writesOnly = r.IntN(6) == 0
		spool := []SpoolOption{SpoolMaxBytes(choose(r.Rand, 2<<10, 8<<10, int64(1<<20)))}
		if c.writesOnly {
			spool = append(spool, SpoolWriteOnly())
		}
		opts = append(opts, WithSpool(r.dir, spool...))
	}
	client, err := New("key", opts...)
	if err != nil {
		r.Fatal(err)
	}
	c.Client = client
	close(c.ready)
	r.living = append(r.living, c)
	r.note("client %d: queue %d, errors %v, deliveries %v, writes only %v, accepted %d", c.number, c.maxQueue, c.onError, c.onDeliv, c.writesOnly, client.Stats().Accepted)
	return c
}

func (r *doneRun) note(format string, args ...any) {
	r.log = append(r.log, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// enter checks that callbacks of a client run one at a time.
func (r *doneRun) enter(c *doneClient) (leave func()) {
	<-c.ready
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.inside++; c.inside > 1 && r.problem == "" {
		r.problem = "callbacks overlap"
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		c.inside--
	}
}

// act does what a callback may do besides.
func (r *doneRun) act(c *doneClient) {
	x := r.luck(60)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.luck(3000))*time.Millisecond)
	defer cancel()
	switch {
	case x < 3:
		panic("a callback's")
	case x < 5:
		runtime.Goexit()
	case x < 8:
		time.Sleep(time.Duration(r.luck(90)) * time.Millisecond)
	case x < 10:
		if !r.quick || r.policy == DropNewest { // else it may wait
			r.enqueue(ctx, c, r.luck(1<<20))
		}
	case r.quick:
	case x < 12:
		_ = c.Flush(ctx)
	case x < 14:
		time.Sleep(time.Duration(r.luck(4000)) * time.Millisecond)
	case x == 14 && r.luck(4) == 0:
		<-r.release
	case x == 15 && r.luck(6) == 0:
		_ = c.Shutdown(ctx)
	}
}

func (r *doneRun) message(n, some int) Message {
	name := fmt.Sprint("msg-", n)
	switch some % 20 {
	case 0:
		name += "-wrong"
	case 1:
		name += "-poison"
	}
	environment := []string{"", "", "staging"}[some>>6%3]
	person := fmt.Sprint("user", some>>9%4)
	padding := strings.Repeat("x", some>>12%3*100)
	switch some >> 15 % 8 {
	case 0, 1:
		return Identify{DistinctID: person, Traits: Traits{"n": name, "p": padding}, Environment: environment}
	case 2:
		return Alias{DistinctID: name, NewUserID: person, Environment: environment}
	case 3:
		return Raw{"track", json.RawMessage(`{"event":"` + name + `","distinct_id":"u",` + "\n" + `"properties":{"a":nope}}`)}
	case 4:
		return Raw{"identify", json.RawMessage(`{"distinct_id":"` + person + `","traits":{"n":"` + name + `"}}`)}
	case 5:
		if some>>18%2 == 0 {
			name += "-discard"
		}
	}
	return Track{Event: name, DistinctID: person, Properties: Properties{"p": padding}, Environment: environment}
}

func (r *doneRun) enqueue(ctx context.Context, c *doneClient, some int) {
	r.mu.Lock()
	m := &doneMessage{number: len(r.messages), client: c}
	r.messages = append(r.messages, m)
	r.mu.Unlock()
	token := new([64]byte)
	m.token = weak.Make(token)
	message := r.message(m.number, some)
	if t, ok := message.(Track); ok {
		m.discarded = strings.Contains(t.Event, "discard")
	}
	err := c.Enqueue(ctx, message, func(err error) {
		token[0]++
		defer r.enter(c)()
		r.mu.Lock()
		m.told, m.toldAt = append(m.told, err), time.Now()
		r.mu.Unlock()
		r.act(c)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	m.accepted, m.refused = err == nil, err
}

func (r *doneRun) harm() {
	files, _ := filepath.Glob(filepath.Join(r.dir, "*", "*.spool"))
	if len(files) == 0 {
		return
	}
	r.mu.Lock()
	r.harmed = true
	r.mu.Unlock()
	file := files[r.IntN(len(files))]
	switch r.IntN(3) {
	case 0:
		_ = os.Remove(file)
	case 1:
		_ = os.Truncate(file, int64(r.IntN(600)))
	default:
		if text, err := os.ReadFile(file); err == nil && len(text) > 0 {
			text[r.IntN(len(text))] ^= 1
			if f, err := os.OpenFile(file, os.O_WRONLY, 0); err == nil {
				_, _ = f.Write(text)
				_ = f.Close()
			}
		}
	}
	r.note("harm %s", filepath.Base(file))
}

func (r *doneRun) step() {
	if len(r.living) == 0 {
		r.start()
	}
	c := r.living[r.IntN(len(r.living))]
	switch x := r.IntN(24); {
	case x < 12:
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(800))*time.Millisecond)
		for range 1 + r.IntN(choose(r.Rand, 1, 4, 12)) {
			r.enqueue(ctx, c, r.IntN(1<<20))
		}
		cancel()
	case x < 15:
		time.Sleep(time.Duration(r.IntN(choose(r.Rand, 100, 2500, 90_000))) * time.Millisecond)
	case x < 18:
		r.mu.Lock()
		r.mood = choose(r.Rand, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
		r.mu.Unlock()
		r.note("mood %d", r.mood)
	case x < 20:
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(8000))*time.Millisecond)
		r.calls.Go(func() {
			defer cancel()
			r.flush(ctx, c)
		})
	case x == 20:
		if r.dir != "" && len(r.living) < 2 {
			r.start()
		}
	case x == 21:
		if r.IntN(3) == 0 {
			r.end(c, time.Duration(r.IntN(3000))*time.Millisecond)
		}
	case x == 22:
		if r.harms && r.IntN(2) == 0 {
			r.harm()
		}
	default:
		some := r.IntN(1 << 20)
		r.calls.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			for i := range some % 10 {
				r.enqueue(ctx, c, some*(i+3)%(1<<20))
			}
		})
	}
	r.look()
}

// Each done is told once, of what became of its message.
func TestDonesModel(t *testing.T) {
	for seed := *firstDone; seed < *firstDone+*doneSchedules; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := &doneRun{Rand: rand.New(rand.NewPCG(uint64(seed), 300)), random: rand.New(rand.NewPCG(uint64(seed), 301))}
			if r.IntN(2) == 0 && runtime.GOOS == "linux" {
				r.dir = t.TempDir()
			}
			r.quick, r.harms, r.policy = r.IntN(2) == 0, r.dir != "" && r.IntN(4) == 0, choose(r.Rand, DropNewest, DropOldest, Block)
			synctest.Test(t, func(t *testing.T) {
				r.T, r.release = t, make(chan struct{})
				for range 60 {
					if r.step(); r.problem != "" {
						break
					}
				}
				r.finish()
				if r.problem != "" {
					t.Errorf("%s\nspool %v, quick %v, harms %v, policy %v\n%s", r.problem, r.dir != "", r.quick, r.harms, r.policy, strings.Join(r.log, "\n"))
				}
			})
		})
	}
}
