package altertable

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A limiter answers whether a request that arrives then passes, and if not, when one will.
type limiter interface {
	take(at time.Duration) (ok bool, wait time.Duration)
}

// A bucket gains rate tokens a second, up to burst of them.
type bucket struct {
	rate          func(at time.Duration) float64
	burst, tokens float64
	last          time.Duration
}

func newBucket(rate, burst float64) *bucket {
	return &bucket{rate: func(time.Duration) float64 { return rate }, burst: burst, tokens: burst}
}

func (b *bucket) take(at time.Duration) (bool, time.Duration) {
	rate := b.rate(at)
	b.tokens = min(b.burst, b.tokens+rate*(at-b.last).Seconds())
	b.last = at
	if b.tokens < 1-1e-9 {
		return false, time.Duration((1 - b.tokens) / rate * float64(time.Second))
	}
	b.tokens--
	return true, 0
}

// A window lets the first n requests of each length pass.
type window struct {
	n, used        int
	length, offset time.Duration
	current        time.Duration
}

func (w *window) take(at time.Duration) (bool, time.Duration) {
	if current := (at + w.offset).Truncate(w.length); current != w.current {
		w.current, w.used = current, 0
	}
	w.used++
	return w.used <= w.n, w.current + w.length - w.offset - at
}

// A simulation is of clients with a backlog, in virtual time.
type simulation struct {
	now    time.Duration
	events events
	count  int
}

type event struct {
	at     time.Duration
	number int
	do     func()
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].number < e[j].number
}

func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func (s *simulation) after(d time.Duration, do func()) {
	s.count++
	heap.Push(&s.events, event{s.now + d, s.count, do})
}

func (s *simulation) runUntil(end time.Duration) {
	for len(s.events) > 0 && s.events[0].at <= end {
		e := heap.Pop(&s.events).(event)
		s.now = e.at
		e.do()
	}
	s.now = end
}

// A sender stands for the queue.
type sender struct {
	*simulation
	pace        pace
	server      limiter
	maxInFlight int
	roundTrip   func() time.Duration
	retryAfter  bool // the server says when to come back, in whole seconds
	backlog     int  // messages left

	inFlight       int
	timer          time.Duration
	passed, failed int
	blind          int // of failed, those that began before the first 429 arrived
	starts         []time.Duration
}

func (s *sender) advance() {
	for s.inFlight < s.maxInFlight && s.backlog > 0 && s.pace.lets(s.now) {
		s.send()
	}
	at, ok := s.pace.next(s.now)
	if ok && s.inFlight < s.maxInFlight && s.backlog > 0 && (s.timer <= s.now || at < s.timer) {
		s.timer = at
		s.after(at-s.now, s.advance)
	}
}

func (s *sender) send() {
	p := s.pace.begins(s.now)
	s.backlog--
	s.inFlight++
	s.starts = append(s.starts, s.now)
	way := s.roundTrip() / 2
	blind := s.failed == 0
	s.after(way, func() {
		ok, wait := s.server.take(s.now)
		s.after(way, func() {
			s.inFlight--
			var err error
			if ok {
				s.passed++
			} else {
				s.failed++
				s.backlog++
				if blind {
					s.blind++
				}
				e := &APIError{StatusCode: 429}
				if s.retryAfter {
					e.RetryAfter = (wait + time.Second - 1).Truncate(time.Second)
				}
				err = e
			}
			s.pace.ends(p, trackEndpoint, err, s.now)
			s.advance()
		})
	})
}

func (s *sender) share() float64 { return float64(s.failed) / float64(s.failed+s.passed) }

// newSender returns a sender with a backlog that does not end.
func newSender(server limiter, maxInFlight int, roundTrip time.Duration) *sender {
	s := &sender{
		simulation:  &simulation{},
		pace:        pace{policy: defaultRetryPolicy, patience: 10 * time.Second},
		server:      server,
		maxInFlight: maxInFlight,
		roundTrip:   func() time.Duration { return roundTrip },
		backlog:     math.MaxInt,
	}
	s.after(0, s.advance)
	return s
}

// use is the share of what the server could have let through that it did.
func (s *sender) use(rate, burst float64) float64 {
	return (float64(s.passed) - burst) / rate / s.now.Seconds()
}

// With a backlog at least 90 % of a limit is used, and at most 2 % of the
// requests are answered 429, the beginning included. Only what was in flight
// when the first 429 came does not count where that is more than the default.
func TestPaceFindsTheLimit(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{1, 3, 10, 40, 200, 1000} {
		for _, burst := range []float64{1, 5, rate, 5 * rate} {
			for _, maxInFlight := range []int{1, 8, 64} {
				for _, roundTrip := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond} {
					for _, retryAfter := range []bool{false, true} {
						if float64(maxInFlight)/roundTrip.Seconds() < 1.1*rate || (testing.Short() || RaceEnabled) && rate > 100 {
							continue // no request is refused
						}
						s := newSender(newBucket(rate, burst), maxInFlight, roundTrip)
						s.retryAfter = retryAfter
						length := max(time.Minute, time.Duration(1200/rate)*time.Second)
						if retryAfter {
							length = max(length, 5*time.Minute) // a pause of a second costs up to 1000 requests
						}
						s.runUntil(length)
						if maxInFlight > 8 {
							s.failed -= s.blind
						}
						name := fmt.Sprintf("%4v/s, burst %4v, %2d in flight for %5v, Retry-After %5v", rate, burst, maxInFlight, roundTrip, retryAfter)
						t.Logf("%s: %5.1f %% used, %4.2f %% answered 429", name, 100*s.use(rate, burst), 100*s.share())
						assert.GreaterOrEqual(t, s.use(rate, burst), 0.9, name)
						assert.LessOrEqual(t, s.share(), 0.02, name)
					}
				}
			}
		}
	}
}

// The example of the issue: 40 requests a second, and a backlog of less than a minute.
func TestPaceOfAShortBacklog(t *testing.T) {
	for _, burst := range []float64{1, 5, 40} {
		s := newSender(newBucket(40, burst), 8, 20*time.Millisecond)
		s.backlog = 2000
		for s.passed < 2000 {
			s.runUntil(s.now + time.Second)
		}
		assert.LessOrEqual(t, s.now, 56*time.Second, "burst %v", burst)
		assert.LessOrEqual(t, s.share(), 0.02, "burst %v", burst)
	}
}

// Where a limit is of fixed windows, requests that went too fast may be
// answered 429 for the rest of a window, and its share is lost: less of it is used.
func TestPaceOfFixedWindows(t *testing.T) {
	for _, test := range []struct {
		n          int
		length     time.Duration
		retryAfter bool
	}{
		{3, time.Second, false}, {10, time.Second, false}, {40, time.Second, false}, {3, time.Second, true}, {10, time.Second, true},
		{40, time.Second, true}, {180, time.Minute, true}, {600, time.Minute, true}, {2400, time.Minute, true},
	} {
		s := newSender(&window{n: test.n, length: test.length, offset: test.length / 3}, 8, 20*time.Millisecond)
		s.retryAfter = test.retryAfter
		s.runUntil(30 * time.Minute)
		use := s.use(float64(test.n)/test.length.Seconds(), 0)
		t.Logf("%+v: %5.1f %% used, %4.2f %% answered 429", test, 100*use, 100*s.share())
		assert.GreaterOrEqual(t, use, 0.75, "%+v", test)
		assert.LessOrEqual(t, s.share(), 0.02, "%+v", test)
	}
}

// A limit that changes is found again.
func TestPaceFollowsTheLimit(t *testing.T) {
	t.Parallel()
	const phase = 2 * time.Minute
	for _, rates := range [][]float64{{40, 400, 40}, {400, 40, 400}, {10, 100, 10}, {100, 10, 100}, {1000, 100, 1000}, {40, 60, 50}} {
		for _, burst := range []float64{1, rates[0]} {
			b := &bucket{burst: burst, tokens: burst, rate: func(at time.Duration) float64 { return rates[min(2, at/phase)] }}
			s := newSender(b, 8, 5*time.Millisecond)
			before := 0
			for i, rate := range rates {
				s.runUntil(time.Duration(i+1) * phase)
				use := float64(s.passed-before) / rate / phase.Seconds()
				t.Logf("%v, burst %v: %5.1f %% of %v used", rates, burst, 100*use, rate)
				assert.GreaterOrEqual(t, use, 0.75, "%v of %v, burst %v", rate, rates, burst)
				before = s.passed
			}
			assert.LessOrEqual(t, s.share(), 0.02, "%v, burst %v", rates, burst)
		}
	}
}

func TestPaceOfSeveralClients(t *testing.T) {
	b := newBucket(40, 40)
	var clients []*sender
	random := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		c := newSender(b, 8, 0)
		c.roundTrip = func() time.Duration {
			return 15*time.Millisecond + time.Duration(random.Int64N(int64(10*time.Millisecond)))
		}
		clients = append(clients, c)
		if c != clients[0] {
			c.simulation = clients[0].simulation
			c.after(0, c.advance)
		}
	}
	clients[0].runUntil(10 * time.Minute)
	passed, failed := 0, 0
	for _, c := range clients {
		passed += c.passed
		failed += c.failed
		assert.Greater(t, c.passed, 100)
	}
	assert.Greater(t, passed, 9*40*600/10)
	assert.Less(t, failed, passed/50)
}

// unlimited is a server without a limit.
type unlimited struct{}

func (unlimited) take(time.Duration) (bool, time.Duration) { return true, 0 }

func TestPaceWithoutALimit(t *testing.T) {
	for _, err := range []error{nil, &APIError{StatusCode: 401}, &APIError{StatusCode: 422}, &APIError{StatusCode: 503, RetryAfter: time.Minute}, &NetworkError{errors.New("refused")}} {
		p := pace{policy: defaultRetryPolicy, patience: 10 * time.Second}
		for now := range 10_000 * time.Nanosecond {
			require.True(t, p.lets(now))
			_, ok := p.next(now)
			require.False(t, ok)
			p.ends(p.begins(now), trackEndpoint, err, now)
		}
	}
	s := newSender(unlimited{}, 8, 20*time.Millisecond)
	s.runUntil(time.Minute)
	assert.Equal(t, 8*60*50, s.passed)
}

// Once a limit is gone, the rate rises until it no longer restrains, and the pace is given up.
func TestPaceIsGivenUp(t *testing.T) {
	b := newBucket(40, 40)
	s := newSender(b, 8, 20*time.Millisecond)
	s.runUntil(time.Minute)
	b.rate = func(time.Duration) float64 { return 1e9 }
	s.runUntil(80 * time.Second)
	before := s.passed
	s.runUntil(90 * time.Second)
	assert.Equal(t, 8*50*10, s.passed-before)
	assert.True(t, s.pace.limited)
	s.runUntil(12 * time.Minute)
	assert.False(t, s.pace.limited)
	failed := s.failed
	b.rate = func(time.Duration) float64 { return 40 }
	s.runUntil(15 * time.Minute)
	assert.Greater(t, s.failed, failed, "and it can be found again")
	assert.True(t, s.pace.limited)
}

// Little traffic does not raise the rate, and none keeps it for minutes: the
// backlog that follows is paced from its first request on.
func TestPaceIsKeptWhereLittleIsSent(t *testing.T) {
	for _, every := range []time.Duration{200 * time.Millisecond, time.Second, 9 * time.Minute} {
		s := newSender(newBucket(40, 40), 8, 20*time.Millisecond)
		s.runUntil(time.Minute)
		for s.backlog = 0; s.now < 10*time.Minute; {
			s.runUntil(s.now + every)
			s.backlog++
			s.advance()
		}
		assert.InDelta(t, 40, s.pace.rate, 8)
		s.passed, s.failed, s.backlog = 0, 0, 2000
		s.advance()
		s.runUntil(s.now + 55*time.Second)
		assert.GreaterOrEqual(t, s.passed, 1960, "every %v", every)
		assert.LessOrEqual(t, s.share(), 0.02, "every %v", every)
	}
}

// closed is a server that answers 429 until some time.
type closed struct{ until, retryAfter time.Duration }

func (c closed) take(at time.Duration) (bool, time.Duration) { return at >= c.until, c.retryAfter }

// A server that lets nothing through is probed with one request at a time,
// with the delays of the policy.
func TestPaceOfAClosedServer(t *testing.T) {
	for _, earlier := range []time.Duration{0, time.Minute} { // for how long it had a limit
		s := newSender(newBucket(10, 10), 8, 20*time.Millisecond)
		s.runUntil(earlier)
		s.runUntil(s.now)
		s.server, s.starts = closed{until: math.MaxInt64}, nil
		s.runUntil(earlier + 10*time.Minute)
		assert.Less(t, len(s.starts), 60)
		assert.True(t, s.pace.shut())
		probes := s.starts[9:] // 8 were in flight, or came before the first refusal
		interval := time.Second
		for i := range probes[1:] {
			delay := probes[i+1] - probes[i] - 20*time.Millisecond
			assert.GreaterOrEqual(t, delay, interval/2)
			assert.LessOrEqual(t, delay, 45*time.Second)
			interval = min(2*interval, 30*time.Second)
		}
	}
}

// Retry-After is obeyed up to 5 minutes, once for all answers of a moment.
func TestPaceObeysRetryAfter(t *testing.T) {
	t.Parallel()
	for retryAfter, want := range map[time.Duration]time.Duration{
		7 * time.Second: 7 * time.Second, 90 * time.Second: 90 * time.Second, 24 * time.Hour: 5 * time.Minute, math.MaxInt64 / 2: 5 * time.Minute,
	} {
		for _, earlier := range []time.Duration{0, time.Minute} {
			s := newSender(newBucket(40, 40), 8, 20*time.Millisecond)
			s.retryAfter = true
			s.runUntil(earlier)
			s.server, s.starts = closed{earlier + time.Second, retryAfter}, nil
			s.runUntil(earlier + 10*time.Minute)
			require.Greater(t, len(s.starts), 10)
			for i := range s.starts[1:] {
				if pause := s.starts[i+1] - s.starts[i]; pause > time.Second {
					assert.GreaterOrEqual(t, pause, want)
					assert.LessOrEqual(t, pause, want+time.Second)
					assert.Less(t, s.starts[i], earlier+time.Second, "only once")
				}
			}
		}
	}
}

// Answers to requests that began before the last cut do not cut again.
func TestPaceCutsOncePerMoment(t *testing.T) {
	s := newSender(newBucket(40, 40), 8, 20*time.Millisecond)
	s.runUntil(time.Minute)
	p, now := &s.pace, s.now
	var permits []permit
	for range 8 {
		permits = append(permits, p.begins(now))
	}
	refusal := &APIError{StatusCode: 429}
	before := p.rate
	p.ends(permits[0], trackEndpoint, refusal, now+time.Second)
	rate, at := p.rate, p.at
	for _, permit := range permits[1:] {
		p.ends(permit, trackEndpoint, refusal, now+time.Second)
	}
	p.ends(permits[0], trackEndpoint, nil, now+time.Second)
	assert.Equal(t, rate, p.rate)
	assert.Equal(t, at, p.at)
	assert.Less(t, rate, before)
}

// A probe that fails otherwise says nothing, and lets the next one go.
func TestPaceAfterAProbeFailed(t *testing.T) {
	p := pace{policy: defaultRetryPolicy, patience: 10 * time.Second}
	p.ends(p.begins(0), trackEndpoint, &APIError{StatusCode: 429}, 0)
	require.True(t, p.shut())
	require.False(t, p.lets(0))
	p.attemptNow(0)
	require.True(t, p.lets(0))
	probe := p.begins(0)
	assert.False(t, p.lets(time.Second))
	at, ok := p.next(time.Second)
	assert.True(t, ok)
	assert.Equal(t, 10*time.Second, at, "unless an answer comes first")
	p.ends(probe, trackEndpoint, &NetworkError{errors.New("reset")}, time.Second)
	assert.True(t, p.lets(time.Second))
	p.ends(p.begins(time.Second), trackEndpoint, nil, time.Second)
	assert.False(t, p.shut())
	at, ok = p.next(time.Second)
	assert.True(t, ok)
	assert.Equal(t, 1500*time.Millisecond, at)
}
