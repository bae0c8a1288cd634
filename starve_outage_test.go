package altertable_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A pair is steady loads of tracks and identifies, of which one endpoint fails.
type pair struct {
	api        *distantAPI
	client     *altertable.Client
	failing    string // path
	fate       int    // what requests to it meet; 200 before and after an outage
	tracks     *delays
	identifies *delays
	newest     map[int]int // newest identify delivered, by person
	outOfOrder int
}

const pairRoundTrip = 50 * time.Millisecond

// pairPeople is how many people the identifies are about, in turn.
const pairPeople = 5000

// newPair returns one with room for so many messages of each load.
func newPair(t *testing.T, failing string, messages int, opts ...altertable.Option) *pair {
	p := &pair{
		failing: failing, fate: http.StatusOK,
		tracks: newDelays(messages), identifies: newDelays(messages), newest: map[int]int{},
	}
	p.api = &distantAPI{roundTrip: pairRoundTrip, began: p.began, ended: p.ended, fate: func(r arrival) int {
		if r.path == p.failing {
			return p.fate
		}
		return http.StatusOK
	}}
	p.client = p.api.connect(t, opts...)
	return p
}

// began counts how long messages to the endpoint that works wait for a request.
func (p *pair) began(r arrival) {
	if r.path == p.failing {
		return
	}
	for _, i := range numbersIn(r.body) {
		p.healthy().end(i)
	}
}

func (p *pair) healthy() *delays {
	if p.failing == "/identify" {
		return p.tracks
	}
	return p.identifies
}

func (p *pair) ended(r arrival, status int) {
	if r.path != "/identify" || status != http.StatusOK {
		return
	}
	for _, i := range numbersIn(r.body) {
		if newest, known := p.newest[i%pairPeople]; known && newest >= i {
			p.outOfOrder++
		}
		p.newest[i%pairPeople] = i
	}
}

// setFate changes what requests to the failing endpoint meet.
func (p *pair) setFate(fate int) {
	p.api.mu.Lock()
	defer p.api.mu.Unlock()
	p.fate = fate
}

func (p *pair) track(t *testing.T) func(i int) {
	return func(i int) {
		p.tracks.call(i)
		require.NoError(t, p.client.Track(t.Context(), event(mark(i))))
	}
}

func (p *pair) identify(t *testing.T) func(i int) {
	return func(i int) {
		p.identifies.call(i)
		require.NoError(t, p.client.Identify(t.Context(), altertable.Identify{
			DistinctID: fmt.Sprint("u_", i%pairPeople), Traits: altertable.Traits{"n": mark(i)},
		}))
	}
}

// finish delivers the rest, and checks that nothing was lost or out of order.
func (p *pair) finish(t *testing.T) {
	require.NoError(t, p.client.Flush(within(t, 2*time.Minute)))
	assert.Zero(t, p.outOfOrder, "identifies of one person that came late")
	s := p.client.Stats()
	assert.Zero(t, s.Rejected+s.Failed+s.Dropped)
}

// For five minutes one endpoint is down. It sees few requests, and the other
// works as if nothing had happened.
func TestOutageOfOneEndpoint(t *testing.T) {
	t.Parallel()
	const perSecond, down, up, end = 200, 30, 30 + 300, 400 // the latter in seconds
	for _, failing := range []string{"/identify", "/track"} {
		for how, fate := range map[string]int{"503": 503, "hang": hang} {
			if altertable.RaceEnabled && (fate == hang) != (failing == "/identify") {
				continue
			}
			t.Run(failing[1:]+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t, failing, perSecond*end)
					requests := 0
					run(end*time.Second, func(second int) {
						switch second {
						case down:
							requests = -p.api.requestsTo(failing)
							p.setFate(fate)
						case up:
							requests += p.api.requestsTo(failing)
							p.setFate(http.StatusOK)
						case up + 60: // a delay is up to 45 s
							assert.Less(t, p.client.Stats().Queued, int64(3*perSecond), "the rest was delivered")
						}
					}, load{perSecond, p.track(t)}, load{perSecond, p.identify(t)})
					p.finish(t)
					late, longest := p.healthy().over(time.Second + 2*pairRoundTrip)
					assert.LessOrEqual(t, late, perSecond*end/1000, "messages to the endpoint that works; longest wait %v", longest)
					assert.LessOrEqual(t, longest, 3*time.Second)
					assert.LessOrEqual(t, requests, 40, "to the one that does not")
				})
			})
		}
	}
}

// Requests that take the whole timeout do not keep those to another endpoint
// from being sent, although a backlog of the former is there first.
func TestHangingEndpointDoesNotStarveTheOther(t *testing.T) {
	t.Parallel()
	const perSecond, backlog, seconds = 500, 20_000, 120
	for _, failing := range []string{"/identify", "/track"} {
		for maxInFlight, most := range map[int]time.Duration{1: 20 * time.Second, 2: 15 * time.Second, 3: 15 * time.Second, 8: 15 * time.Second} {
			if altertable.RaceEnabled && maxInFlight != 1 && maxInFlight != 8 {
				continue
			}
			t.Run(fmt.Sprint(failing[1:], " ", maxInFlight), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t, failing, perSecond*seconds, altertable.WithMaxInFlight(maxInFlight))
					p.setFate(hang)
					for i := range backlog {
						if failing == "/track" {
							require.NoError(t, p.client.Track(t.Context(), event(mark(i))))
						} else {
							require.NoError(t, p.client.Identify(t.Context(), altertable.Identify{DistinctID: fmt.Sprint("b_", i), Traits: altertable.Traits{"n": mark(i)}}))
						}
					}
					one := load{perSecond, p.track(t)}
					if failing == "/track" {
						one.call = p.identify(t)
					}
					run(seconds*time.Second, func(int) {
						require.Less(t, p.client.Stats().Queued-backlog, int64(most/time.Second+2)*perSecond)
					}, one)
					assert.LessOrEqual(t, p.api.requestsTo(failing), 8+25)
					p.setFate(http.StatusOK)
					require.NoError(t, p.client.Flush(within(t, 2*time.Minute)))
					_, longest := p.healthy().over(0)
					assert.LessOrEqual(t, longest, most)
					if maxInFlight > 1 {
						settled := &delays{waited: p.healthy().waited[30*perSecond:], done: p.healthy().done[30*perSecond:]}
						late, longest := settled.over(time.Second + 2*pairRoundTrip)
						assert.LessOrEqual(t, late, perSecond*seconds/1000, "once it is known which endpoint hangs; longest wait %v", longest)
					}
				})
			})
		}
	}
}
