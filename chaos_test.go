package altertable_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// chaos is a client that meets random faults, and the books that are kept of it.
type chaos struct {
	*rand.Rand
	client   *altertable.Client
	srv      *altertabletest.Server
	accepted []string
}

var chaosEnvironments = []string{"production", "staging", "preview"}

// fault returns any that keeps to the rules: no answer of success for what was not stored.
func (c *chaos) fault() altertabletest.Fault {
	status := func(all ...int) altertabletest.Fault { return altertabletest.Status(all[c.IntN(len(all))]) }
	f := []altertabletest.Fault{
		status(408, 425, 429, 500, 502, 503),
		status(429, 503).RetryAfter(time.Duration(c.IntN(60)) * time.Second),
		status(400, 413, 422),
		status(301, 401, 403, 404).HTML("<html>"),
		altertabletest.Reset(),
		altertabletest.Reset().AfterStoring(),
		altertabletest.Refuse(),
		altertabletest.Hang(),
		altertabletest.Pass().Truncate(),
		altertabletest.Pass().Trickle(time.Second),
		status(200).Endless().AfterStoring(),
		status(500).Endless(),
		altertabletest.Pass(),
	}[c.IntN(13)]
	if c.IntN(2) == 0 {
		f = f.Delay(time.Duration(c.IntN(8000)) * time.Millisecond)
	}
	return f
}

// act does one thing that an application or the network may do.
func (c *chaos) act(t *testing.T) {
	name := []string{"n", "n", "n", "n", "n", "n", "n", "n", "bad", "poison"}[c.IntN(10)] + fmt.Sprint(len(c.accepted))
	environment := chaosEnvironments[c.IntN(len(chaosEnvironments))]
	var err error
	switch c.IntN(12) {
	default:
		err = c.client.Track(t.Context(), altertable.Track{Event: name, DistinctID: "u", Environment: environment})
	case 0, 1, 2:
		err = c.client.Identify(t.Context(), altertable.Identify{DistinctID: name, Environment: environment})
	case 3:
		err = c.client.Alias(t.Context(), altertable.Alias{DistinctID: name, NewUserID: "v", Environment: environment})
	case 4, 5:
		pass(time.Duration(c.IntN(3000)) * time.Millisecond)
		return
	case 6:
		c.srv.Next(1+c.IntN(5), c.fault())
		return
	case 7:
		go func() { _ = c.client.Flush(t.Context()) }()
		return
	case 8:
		ctx := within(t, time.Duration(1+c.IntN(9000))*time.Millisecond)
		go func() {
			_, _ = c.client.IdentifySync(ctx, altertable.Identify{DistinctID: "sync", Environment: environment})
		}()
		return
	}
	if err != nil {
		require.ErrorIs(t, err, altertable.ErrQueueFull)
		return
	}
	c.accepted = append(c.accepted, name)
}

func TestChaos(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &chaos{Rand: rand.New(rand.NewPCG(seed, 0))}
				maxInFlight := 1 + c.IntN(4)
				var l *ledger
				c.client, c.srv, l = newClient(t, altertable.WithMaxInFlight(maxInFlight),
					altertable.WithMaxBatchSize(1+c.IntN(20)), altertable.WithMaxQueueSize(20+c.IntN(200)),
					altertable.WithOverflow(altertable.Overflow(c.IntN(2))),
					altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Duration(1+c.IntN(10)) * time.Minute}))
				c.srv.Always(altertabletest.Status(422).MatchBody(func(body []byte) bool { return bytes.Contains(body, []byte(`"bad`)) }))
				c.srv.Always(altertabletest.Status(500).MatchBody(func(body []byte) bool { return bytes.Contains(body, []byte(`"poison`)) }))
				for range 800 {
					c.act(t)
				}
				if c.IntN(2) == 0 {
					c.srv.ClearFaults()
				}
				_ = c.client.Shutdown(within(t, time.Duration(c.IntN(600))*time.Second))
				l.settle(t, c.client, c.accepted...)
				for _, d := range l.deliveries {
					require.Positive(t, d.Count)
				}
				assertStored(t, c.srv, l)
				requests := c.srv.Requests()
				assert.LessOrEqual(t, overlapping(requests, func(r altertabletest.Request) bool { return !r.Sync }), maxInFlight)
				for _, environment := range chaosEnvironments {
					assert.LessOrEqual(t, overlapping(requests, func(r altertabletest.Request) bool {
						return r.Path == "/identify" && contains(environment)(r.Body)
					}), 1, "identifies of an environment go one at a time")
				}
			})
		})
	}
}

// assertStored checks that the server has what counts as delivered.
func assertStored(t *testing.T, srv *altertabletest.Server, l *ledger) {
	t.Helper()
	there := append(stored(srv), identities(srv)...)
	for _, i := range srv.Identities() {
		there = append(there, i.Aliases...)
	}
	assert.Subset(t, there, l.delivered)
}
