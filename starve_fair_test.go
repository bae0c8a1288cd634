package altertable_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A contest is endpoints that have a backlog at the same time.
type contest struct {
	batches int // of each
	api     *distantAPI
	left    map[string]int // requests to come, by path
	begun   []arrival      // after the backlog was there
	waiting []string       // by request: the endpoints that had work besides
	closed  bool           // the backlog is there
}

const contestBatchSize = 10

// newContest gives the endpoints, by their first letters, their backlogs.
func newContest(t *testing.T, endpoints string, maxInFlight int) (*contest, *altertable.Client) {
	c := &contest{batches: 60, left: map[string]int{}}
	c.api = &distantAPI{roundTrip: time.Second, began: c.began}
	client := c.api.connect(t, altertable.WithMaxInFlight(maxInFlight), altertable.WithMaxBatchSize(contestBatchSize))
	calls := map[string]func(id string) error{
		"t": func(string) error { return client.Track(t.Context(), event("e0")) },
		"i": func(id string) error { return client.Identify(t.Context(), altertable.Identify{DistinctID: id}) },
		"a": func(id string) error {
			return client.Alias(t.Context(), altertable.Alias{DistinctID: id, NewUserID: "v_" + id})
		},
	}
	for _, endpoint := range strings.Split(endpoints, "") {
		c.left[map[string]string{"t": "/track", "i": "/identify", "a": "/alias"}[endpoint]] = c.batches
	}
	for _, endpoint := range strings.Split(endpoints, "") { // one after the other: the first one's are all older
		for i := range c.batches * contestBatchSize {
			require.NoError(t, calls[endpoint](fmt.Sprint("u_", i)))
		}
	}
	synctest.Wait()
	c.close()
	return c, client
}

func (c *contest) close() {
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	c.closed = true
}

func (c *contest) began(r arrival) {
	c.left[r.path]--
	if !c.closed {
		return
	}
	others := ""
	for path, left := range c.left {
		if path != r.path && left > 0 {
			others += path
		}
	}
	c.begun, c.waiting = append(c.begun, r), append(c.waiting, others)
}

// While several endpoints have work, none holds more than half of the requests.
func TestEndpointsShareTheRequestsInFlight(t *testing.T) {
	for _, endpoints := range []string{"ti", "ia", "ita"} {
		for _, maxInFlight := range []int{1, 2, 3, 8} {
			t.Run(fmt.Sprint(endpoints, " ", maxInFlight), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, client := newContest(t, endpoints, maxInFlight)
					start := time.Now()
					require.NoError(t, client.Flush(t.Context()))
					rounds := len(endpoints) * c.batches / maxInFlight
					assert.LessOrEqual(t, time.Since(start), time.Duration(rounds+c.batches/2)*time.Second, "all places are used")

					turns := map[string]int{}
					for i, r := range c.begun {
						if c.waiting[i] != "" {
							require.LessOrEqual(t, r.flying, (maxInFlight+1)/2, "request %d, to %s, while %s had work", i, r.path, c.waiting[i])
						}
						if i < len(c.begun)/2 {
							turns[r.path]++
						}
					}
					for path := range c.left {
						assert.GreaterOrEqual(t, turns[path], len(c.begun)/2/len(endpoints)/2, "none waits for the others' end: %s", path)
					}
				})
			})
		}
	}
}

func TestEndpointsAlternateWhereOneRequestIsInFlight(t *testing.T) {
	for _, endpoints := range []string{"ti", "ia", "ita"} {
		t.Run(endpoints, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, client := newContest(t, endpoints, 1)
				require.NoError(t, client.Flush(t.Context()))
				for i, r := range c.begun[1:] {
					if c.waiting[i+1] != "" {
						require.NotEqual(t, c.begun[i].path, r.path, "requests %d and %d, while %s had work", i, i+1, c.waiting[i+1])
					}
				}
			})
		})
	}
}

func TestEndpointAloneUsesAllRequestsInFlight(t *testing.T) {
	for _, endpoint := range []string{"t", "i", "a"} {
		for _, maxInFlight := range []int{1, 2, 3, 8} {
			t.Run(fmt.Sprint(endpoint, " ", maxInFlight), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, client := newContest(t, endpoint, maxInFlight)
					start := time.Now()
					require.NoError(t, client.Flush(t.Context()))
					assert.LessOrEqual(t, time.Since(start), time.Duration(c.batches/maxInFlight+1)*time.Second)
					for _, r := range c.begun {
						require.LessOrEqual(t, r.all, maxInFlight)
					}
				})
			})
		}
	}
}
