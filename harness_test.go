package altertable_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A ledger notes what a client reports.
type ledger struct {
	mu         sync.Mutex
	deliveries []altertable.Delivery
	delivered  []string // names of messages
	lost       []string
	errs       []error // one per report to OnError
	then       func()  // what a callback does after it has noted its report; may be nil

	want   int           // outcomes that somebody waits for
	enough chan struct{} // closed when they are there; nil if nobody waits
}

// note calls f with the ledger locked, and then what a callback does besides.
func (l *ledger) note(f func()) {
	func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		f()
		l.tellEnough()
	}()
	if l.then != nil {
		l.then()
	}
}

func (l *ledger) tellEnough() {
	if l.enough != nil && len(l.delivered)+len(l.lost) >= l.want {
		close(l.enough)
		l.enough = nil
	}
}

// await waits until n messages have their outcome, or that takes too long.
func (l *ledger) await(n int) {
	enough := make(chan struct{})
	l.mu.Lock()
	l.want, l.enough = n, enough
	l.tellEnough()
	l.mu.Unlock()
	select {
	case <-enough:
	case <-time.After(time.Minute):
	}
}

func (l *ledger) options() []altertable.Option {
	return []altertable.Option{
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithOnDelivery(func(d altertable.Delivery) {
			l.note(func() {
				l.deliveries = append(l.deliveries, d)
				if d.Err == nil {
					l.delivered = append(l.delivered, names(d.Payloads())...)
				}
			})
		}),
		altertable.WithOnError(func(err error) {
			l.note(func() {
				l.errs = append(l.errs, err)
				var lost *altertable.DeliveryError
				if errors.As(err, &lost) {
					l.lost = append(l.lost, names(lost.Payloads())...)
				}
			})
		}),
	}
}

// lostSoFar returns the names of the messages reported to OnError.
func (l *ledger) lostSoFar() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lost)
}

// names returns the event of tracks, and the id of identifies and aliases.
func names(payloads []json.RawMessage) (all []string) {
	for _, payload := range payloads {
		var m struct {
			Event      string `json:"event"`
			DistinctID string `json:"distinct_id"`
		}
		if err := json.Unmarshal(payload, &m); err != nil {
			panic(err)
		}
		if m.Event == "" {
			m.Event = m.DistinctID
		}
		all = append(all, m.Event)
	}
	return all
}

// newClient returns a client on a server in memory, and the ledger of its reports.
func newClient(t *testing.T, opts ...altertable.Option) (*altertable.Client, *altertabletest.Server, *ledger) {
	t.Helper()
	l := new(ledger)
	client, srv := altertabletest.New(t, append(l.options(), opts...)...)
	return client, srv, l
}

func event(name string) altertable.Track { return altertable.Track{Event: name, DistinctID: "u_1"} }

// numbered returns "e0" to "e<n-1>".
func numbered(n int) []string { return numberedFrom(0, n) }

// numberedFrom returns the n names from "e<first>" on.
func numberedFrom(first, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("e%d", first+i))
	}
	return all
}

func track(t *testing.T, client *altertable.Client, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, client.Track(t.Context(), event(name)))
	}
}

func identify(t *testing.T, client *altertable.Client, ids ...string) {
	t.Helper()
	for _, id := range ids {
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: id, Traits: altertable.Traits{"a": 1}}))
	}
}

// visitor links the identifies of linked: they are of one person.
const visitor = "anonymous-1"

func linked(id string) altertable.Identify {
	return altertable.Identify{DistinctID: id, AnonymousID: visitor, Traits: altertable.Traits{"a": 1}}
}

// identifyLinked identifies the ids, which are one person's.
func identifyLinked(t *testing.T, client *altertable.Client, ids ...string) {
	t.Helper()
	for _, id := range ids {
		require.NoError(t, client.Identify(t.Context(), linked(id)))
	}
}

func stored(srv *altertabletest.Server) (names []string) {
	for _, e := range srv.Events() {
		names = append(names, e.Event)
	}
	return names
}

// settle checks that the client's books balance, and that each of the accepted
// messages had exactly one outcome.
func (l *ledger) settle(t *testing.T, client *altertable.Client, accepted ...string) {
	t.Helper()
	// Flush and Close do not wait longer than 250 ms for a callback, which may
	// take so long on a busy machine.
	l.await(len(accepted))
	l.mu.Lock()
	defer l.mu.Unlock()
	s := client.Stats()
	assert.Equal(t, s.Accepted, s.Delivered+s.Failed+s.Dropped+s.Queued, "conservation: %+v", s)
	assert.Zero(t, s.Queued)
	assert.Zero(t, s.QueuedBytes)
	assert.ElementsMatch(t, accepted, slices.Concat(l.delivered, l.lost))
	assert.EqualValues(t, len(l.delivered), s.Delivered)
	assert.EqualValues(t, len(l.lost), s.Failed+s.Dropped)
}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// pass lets virtual time pass, and all that falls due until then happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// starts returns when the requests to path began, counted from the first.
func starts(srv *altertabletest.Server, path string) (all []time.Duration) {
	var first time.Time
	for _, r := range srv.Requests() {
		if r.Path != path {
			continue
		}
		if first.IsZero() {
			first = r.Start
		}
		all = append(all, r.Start.Sub(first))
	}
	return all
}

// contains returns a fault's condition: the body names one of the messages.
func contains(names ...string) func([]byte) bool {
	return func(body []byte) bool {
		for _, name := range names {
			if bytes.Contains(body, []byte(`"`+name+`"`)) {
				return true
			}
		}
		return false
	}
}

// identities returns the ids of the server's identities, in the order they came.
func identities(srv *altertabletest.Server) (ids []string) {
	for _, i := range srv.Identities() {
		ids = append(ids, i.DistinctID)
	}
	return ids
}

// overlapping returns how many of the requests that match were under way at one time.
func overlapping(requests []altertabletest.Request, match func(altertabletest.Request) bool) (most int) {
	for _, r := range requests {
		n := 0
		for _, other := range requests {
			if match(other) && !other.Start.After(r.Start) && other.Start.Add(other.Duration).After(r.Start) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
