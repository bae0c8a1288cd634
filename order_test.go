package altertable_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A schedule is what an application, the network and time do to a client, at
// random. It depends on its seed alone; the client's jitter and the order in
// which goroutines run do not, so that one may have to be run several times.
type schedule struct {
	*rand.Rand
	settings
	client *altertable.Client
	oracle *oracle
	server *fickleServer
	people []person
	poison int  // of a hundred messages
	alone  bool // one goroutine makes all calls
	wg     sync.WaitGroup
}

// settings are the options of a schedule's client.
type settings struct {
	MaxBatchSize, MaxBatchBytes, MaxInFlight, MaxQueueSize, MaxQueueBytes int

	Overflow                                 altertable.Overflow
	FlushInterval, RequestTimeout, FirstWait time.Duration
	MaxElapsed                               time.Duration
}

func newSettings(r *rand.Rand) settings {
	return settings{
		MaxBatchSize:   pick(r, 1, 2, 3, 5, 10, 100),
		MaxBatchBytes:  pick(r, 1<<10, 1500, 1<<20),
		MaxInFlight:    pick(r, 1, 2, 3, 8),
		MaxQueueSize:   pick(r, 5, 20, 100, 100_000),
		MaxQueueBytes:  pick(r, 4<<10, 64<<20, 64<<20),
		Overflow:       pick(r, altertable.DropNewest, altertable.DropOldest, altertable.Block),
		FlushInterval:  pick(r, 10*time.Millisecond, time.Second),
		RequestTimeout: pick(r, time.Second, 5*time.Second),
		FirstWait:      pick(r, 10*time.Millisecond, 500*time.Millisecond),
		MaxElapsed:     pick(r, 20*time.Second, 2*time.Minute, 24*time.Hour),
	}
}

func (s settings) options() []altertable.Option {
	return []altertable.Option{
		altertable.WithMaxBatchSize(s.MaxBatchSize), altertable.WithMaxBatchBytes(s.MaxBatchBytes),
		altertable.WithMaxInFlight(s.MaxInFlight),
		altertable.WithMaxQueueSize(s.MaxQueueSize), altertable.WithMaxQueueBytes(s.MaxQueueBytes),
		altertable.WithOverflow(s.Overflow),
		altertable.WithFlushInterval(s.FlushInterval), altertable.WithRequestTimeout(s.RequestTimeout),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: s.FirstWait, MaxElapsed: s.MaxElapsed}),
	}
}

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

func newSchedule(seed, kind uint64) *schedule {
	r := rand.New(rand.NewPCG(seed, kind))
	s := &schedule{Rand: r, settings: newSettings(r), oracle: newOracle(), poison: pick(r, 0, 2, 10)}
	s.server = &fickleServer{oracle: s.oracle, seed: seed, weather: map[string]weather{}, poison: map[int]int{}}
	people, links := pick(r, 1, 2, 4, 8, 26), r.IntN(6)
	for _, environment := range []string{"production", "staging", "preview"}[:pick(r, 1, 1, 2, 3)] {
		for p := range people {
			s.people = append(s.people, person{environment: environment, distinctID: string(rune('A' + p))})
		}
		for range links { // they make chains: A-x, x-B, B-y
			s.people = append(s.people, person{environment, string(rune('A' + r.IntN(people))), string(rune('x' + r.IntN(3)))})
		}
	}
	return s
}

// start makes the client of a generation.
func (s *schedule) start(t *testing.T, generation int, opts ...altertable.Option) {
	report := func(d altertable.Delivery) {
		for _, payload := range d.Payloads() {
			s.oracle.tell(generation, d.Err, numbersIn(payload)...)
		}
	}
	client, err := altertable.New("key", append(append(s.options(),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithHTTPClient(&http.Client{Transport: s.server.transport(generation)}),
		altertable.WithOnDelivery(report),
		altertable.WithOnError(func(error) {}),
	), opts...)...)
	require.NoError(t, err)
	s.client = client
}

// hand counts a message, gives it to a call, and notes what that returns.
func (s *schedule) hand(t *testing.T, r *rand.Rand, p person, call func(ctx context.Context, mark string) error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(3000))*time.Millisecond) // bounds Block
	defer cancel()
	n := s.oracle.call(p, false)
	s.maybePoison(r, n)
	err := call(ctx, mark(n))
	s.oracle.returned(err, n)
	if err != nil && !errors.Is(err, altertable.ErrQueueFull) && !errors.Is(err, altertable.ErrClosed) {
		t.Error(err)
	}
}

func (s *schedule) maybePoison(r *rand.Rand, n int) {
	if r.IntN(100) < s.poison {
		s.server.refuse(n, pick(r, 400, 413, 422, 500, 500, 500))
	}
}

func (p person) identify(mark string) altertable.Identify {
	return altertable.Identify{DistinctID: p.distinctID, AnonymousID: p.anonymousID, Environment: p.environment, Traits: altertable.Traits{"n": mark}}
}

func (s *schedule) identify(t *testing.T, r *rand.Rand) {
	p := pick(r, s.people...)
	s.hand(t, r, p, func(ctx context.Context, mark string) error { return s.client.Identify(ctx, p.identify(mark)) })
}

func (s *schedule) track(t *testing.T, r *rand.Rand) {
	environment := pick(r, s.people...).environment
	s.hand(t, r, person{}, func(ctx context.Context, mark string) error {
		return s.client.Track(ctx, altertable.Track{Event: mark, DistinctID: "A", Environment: environment})
	})
}

func (s *schedule) alias(t *testing.T, r *rand.Rand) {
	s.hand(t, r, person{}, func(ctx context.Context, mark string) error {
		return s.client.Alias(ctx, altertable.Alias{DistinctID: "A", NewUserID: mark})
	})
}

// identifySync makes a synchronous call, about up to three people at once.
func (s *schedule) identifySync(t *testing.T, r *rand.Rand) {
	environment := pick(r, s.people...).environment
	var numbers []int
	var messages []altertable.Identify
	for range 1 + r.IntN(min(3, s.MaxBatchSize)) {
		p := pick(r, s.people...)
		p.environment = environment
		n := s.oracle.call(p, true)
		s.maybePoison(r, n)
		numbers, messages = append(numbers, n), append(messages, p.identify(mark(n)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), pick(r, time.Millisecond, time.Second, 10*time.Second, time.Minute))
	s.wg.Go(func() {
		defer cancel()
		_, err := s.client.IdentifySync(ctx, messages...)
		s.oracle.returned(err, numbers...)
	})
	if s.alone {
		synctest.Wait()
		s.oracle.linedUp(numbers...)
	}
}

func (s *schedule) flush(t *testing.T, r *rand.Rand) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(20_000))*time.Millisecond)
	s.wg.Go(func() {
		defer cancel()
		_ = s.client.Flush(ctx) // the outcomes are reported
	})
}

// act does one thing that an application does, or lets time pass.
func (s *schedule) act(t *testing.T, r *rand.Rand) {
	switch r.IntN(20) {
	default:
		for range 1 + r.IntN(4) {
			s.identify(t, r)
		}
	case 0, 1:
		s.track(t, r)
	case 2:
		s.alias(t, r)
	case 3, 4:
		s.identifySync(t, r)
	case 5:
		s.flush(t, r)
	case 6, 7, 8:
		<-time.After(time.Duration(r.IntN(pick(r, 10, 1000, 1000, 20_000))) * time.Millisecond)
	case 9, 10:
		s.server.change(r)
	}
}

// end shuts the client down, in the middle of other calls, and checks the books.
func (s *schedule) end(t *testing.T) {
	if s.IntN(3) > 0 {
		s.server.clearUp()
	}
	if s.IntN(3) == 0 {
		_ = s.client.Flush(within(t, time.Duration(s.IntN(60))*time.Second))
	}
	ctx := within(t, pick(s.Rand, time.Millisecond, time.Second, 20*time.Second, 10*time.Minute))
	s.wg.Go(func() { _ = s.client.Shutdown(ctx) })
	for range s.IntN(10) {
		s.act(t, s.Rand)
	}
	s.wg.Wait()
	pass(time.Second)
	s.oracle.finish(s.client.Stats())
	assert.LessOrEqual(t, s.server.most, s.MaxInFlight)
}

func (s *schedule) check(t *testing.T) {
	if violation := s.oracle.verdict(); violation != "" {
		t.Errorf("%+v\n%s", s.settings, violation)
	}
}

// schedules runs as many schedules as given, each in its own subtest: a tenth of
// them under testing.Short or the race detector. It gives up after a few failures.
func schedules(t *testing.T, count uint64, run func(t *testing.T, seed uint64)) {
	if testing.Short() || altertable.RaceEnabled {
		count /= 10
	}
	failed := 0
	for seed := range count {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { run(t, seed) })
		}) {
			failed++
		}
		if failed == 5 {
			t.Fatalf("%d of %d schedules failed", failed, seed+1)
		}
	}
}

// Identifies of one person are delivered in the order of acceptance, whatever
// the application and the network do.
func TestOrder(t *testing.T) {
	t.Parallel()
	schedules(t, 5000, func(t *testing.T, seed uint64) {
		s := newSchedule(seed, 0)
		s.alone = true
		s.start(t, 0)
		for range 20 + s.IntN(60) {
			s.act(t, s.Rand)
			now := s.client.Stats()
			require.Equal(t, now.Accepted, now.Delivered+now.Failed+now.Dropped+now.Queued, "%+v", now)
		}
		s.end(t)
		s.check(t)
	})
}

// Where several goroutines make the calls, the order of some is not known.
func TestOrderOfManyGoroutines(t *testing.T) {
	t.Parallel()
	schedules(t, 2000, func(t *testing.T, seed uint64) {
		s := newSchedule(seed, 1)
		s.start(t, 0)
		var workers sync.WaitGroup
		for g := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, 2+g))
			workers.Go(func() {
				for range 10 + r.IntN(20) {
					s.act(t, r)
				}
			})
		}
		workers.Wait()
		s.end(t)
		s.check(t)
	})
}
