package server

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

// whole is all that a viewer of everything sees, as one look shows it.
func (h *hub) whole() *sight {
	s, _ := h.viewer(filter{}).look(true)
	return s
}

// TestHubAgreesWithTheAPI sends whatever may come, and compares at moments of
// chance whose events are, and who is known.
func TestHubAgreesWithTheAPI(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			h := emptyHub([]string{"production", "staging"})
			api := altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithObserver(h.observe))
			defer api.Close()
			h.identity = api.Identity
			client := &running{t: t, Server: &Server{url: "http://localhost"}, http: api.HTTPClient()}
			v := h.viewer(filter{})
			page := map[int64]shownEvent{}
			id := func() string { return fmt.Sprint("id-", random.IntN(15)) }
			for n := range 1500 {
				head := fmt.Sprintf(`{"environment":%q,"timestamp":%d,"distinct_id":%q,`, []string{"production", "staging"}[random.IntN(5)/4], random.IntN(1e6), id())
				path, tail := "/track", `"event":"e","properties":{}}`
				switch random.IntN(12) {
				case 0, 1:
					path, tail = "/identify", `"traits":{"a":1}}`
				case 2, 3:
					path, tail = "/identify", fmt.Sprintf(`"anonymous_id":%q}`, id())
				case 4:
					path, tail = "/alias", fmt.Sprintf(`"new_user_id":%q}`, id())
				case 5:
					head, tail = head[:strings.Index(head, `"distinct_id"`)], fmt.Sprintf(`"anonymous_id":%q,"event":"e","properties":{}}`, id())
				case 6:
					if random.IntN(50) == 0 {
						api.Reset()
						continue
					}
				}
				status, answer := client.post(path, head+tail)
				require.Equal(t, 200, status, answer)
				if n%20 == 0 {
					agree(t, h, api)
					follow(t, v, page)
				}
			}
			agree(t, h, api)
			follow(t, v, page)
		})
	}
}

func agree(t *testing.T, h *hub, api *altertabletest.Server) {
	t.Helper()
	s := h.whole()
	assert.Equal(t, len(api.Identities()), s.People)
	events := api.Events()
	require.Len(t, s.events, len(events))
	for i, e := range s.events {
		want := owner{id: events[i].IdentityID, known: events[i].IdentityTraits != nil}
		require.Equal(t, want, e.owner, "event %d", i)
	}
	for _, i := range s.identities {
		identity, ok := api.Identity(i.key.environment, i.key.id)
		require.True(t, ok)
		assert.Equal(t, i.key.id, identity.DistinctID, "by the id that it is known by")
	}
}

// follow keeps what a page would show, and compares it with what a new page shows.
func follow(t *testing.T, v *viewer, page map[int64]shownEvent) {
	t.Helper()
	if u, snapshot, _ := v.next(); u != nil {
		if snapshot {
			clear(page)
		}
		for _, e := range u.Events {
			page[e.Number] = e
		}
	}
	u, _, _ := v.hub.viewer(v.filter).next()
	for _, e := range u.Events {
		require.Equal(t, e, page[e.Number])
	}
}

// What nobody asks for any more is let go of: ids without an identity go with
// their events.
func TestHubForgetsIDs(t *testing.T) {
	h := emptyHub(nil)
	for n := range 3 * keepEvents {
		h.observe(altertabletest.Change{Event: &altertabletest.Event{Environment: "production", Event: fmt.Sprint("e", n), DistinctID: fmt.Sprint("a", n)}})
	}
	assert.Len(t, h.owners.ids, keepEvents)
	assert.Len(t, h.names.seen, keepEvents)
	assert.Len(t, h.names.first, keepEvents)
	assert.Equal(t, keepEvents, h.events.len())
	assert.Less(t, cap(h.events.items), 4*keepEvents)
	assert.Len(t, h.whole().Names, listedNames)
	for n := range 2 * keepUpdates {
		h.observe(altertabletest.Change{Update: &altertabletest.Update{Environment: "production", DistinctID: fmt.Sprint("u", n), IdentityID: fmt.Sprint("u", n), Traits: map[string]any{"n": n}}})
	}
	assert.Equal(t, keepUpdates, h.updates.len())
	assert.Equal(t, 2*keepUpdates, h.owners.people.Len())
}

// Events of 1 MB each do not add up to gigabytes, as they came or encoded.
func TestHubMemoryIsBounded(t *testing.T) {
	h := emptyHub(nil)
	observe := func(properties map[string]any) {
		h.observe(altertabletest.Change{Event: &altertabletest.Event{Environment: "production", Event: "e", DistinctID: "u", Properties: properties}})
	}
	before := heap()
	for range 150 {
		observe(map[string]any{"x": strings.Repeat("x", 1<<20)})
	}
	assert.LessOrEqual(t, h.eventBytes, keepBytes)
	assert.InDelta(t, keepBytes/(1<<20), h.events.len(), 2)
	assert.Less(t, heap()-before, int64(1.5*keepBytes))
	f, _, err := parseFilter("text=nothing")
	require.NoError(t, err)
	h.viewer(f).next()
	assert.Less(t, heap()-before, int64(keepBytes/2), "of what is encoded only the text is kept")
	for range 40 {
		values := make([]any, 300_000)
		for i := range values {
			values[i] = float64(i)
		}
		observe(map[string]any{"x": values})
	}
	assert.Less(t, heap()-before, int64(1.5*keepBytes))
	u, _, _ := h.viewer(f).next()
	assert.Zero(t, u.Matched)
	assert.Less(t, heap()-before, int64(1.5*keepBytes))
	for range 100 {
		h.observe(altertabletest.Change{Update: &altertabletest.Update{Environment: "production", DistinctID: "u", IdentityID: "u", Traits: map[string]any{"x": strings.Repeat("x", 1<<20)}}})
	}
	assert.LessOrEqual(t, h.updateBytes, updateBytes)
	runtime.KeepAlive(h)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// An event that is larger than all that is kept is kept all the same, alone.
func TestHubKeepsOneEventWhateverItsSize(t *testing.T) {
	h := emptyHub(nil)
	for range 3 {
		h.observe(altertabletest.Change{Event: &altertabletest.Event{Event: "e", Properties: map[string]any{"x": strings.Repeat("x", keepBytes+1)}}})
	}
	assert.Equal(t, 1, h.events.len())
}

// The cost of an identify does not depend on how many ids and events its
// identity has.
func BenchmarkHubUpdate(b *testing.B) {
	for _, ids := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(ids, " ids"), func(b *testing.B) {
			h := emptyHub(nil)
			for n := range ids {
				id := fmt.Sprint("a", n)
				h.observe(altertabletest.Change{Event: &altertabletest.Event{Environment: "production", Event: "e", DistinctID: id}})
				h.observe(altertabletest.Change{Update: &altertabletest.Update{Environment: "production", DistinctID: "u", AnonymousID: id, Linked: true, IdentityID: "u"}})
			}
			for b.Loop() {
				h.observe(altertabletest.Change{Update: &altertabletest.Update{Environment: "production", DistinctID: "u", AnonymousID: "a1", Linked: true, IdentityID: "u"}})
			}
		})
	}
}

func BenchmarkHubEvent(b *testing.B) {
	h := emptyHub(nil)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		h.observe(altertabletest.Change{Event: &altertabletest.Event{Environment: "production", Event: "page_viewed", DistinctID: fmt.Sprint("anonymous-", n%20_000), Properties: map[string]any{
			"page": "/pricing", "referrer": "search", "amount": 49.99, "currency": "USD", "seats": 5.0, "trial": true, "country": "FR", "session": "s_01jza857w4f2"}}})
	}
}

// TestConcurrentStreams has many consoles with filters look while events,
// identifies and aliases come. Each sees the end.
func TestConcurrentStreams(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}})
	filters := [][]string{nil, {"event", "e1"}, {"person", "u_3"}, {"person", "anonymous"}, {"environment", "staging"}, {"text", "PLAN"}, {"person", "u_3", "text", "1"}, {"event", "last"}}
	var readers, senders sync.WaitGroup
	for _, f := range filters {
		for range 2 {
			l := listen(r, f...)
			readers.Go(func() {
				for l.lines.Scan() {
					if strings.Contains(l.lines.Text(), `"stored":2001`) {
						return
					}
				}
				assert.Fail(t, "the stream ended")
			})
		}
	}
	for sender := range 4 {
		client := r.client(altertable.WithOverflow(altertable.Block), altertable.WithMaxBatchSize(20))
		senders.Go(func() {
			for n := range 500 {
				visitor, user := fmt.Sprintf("anonymous-%d-%d", sender, n%50), fmt.Sprint("u_", n%10)
				assert.NoError(t, client.Track(t.Context(), altertable.Track{Event: fmt.Sprint("e", n%5), DistinctID: visitor, Properties: altertable.Properties{"plan": n}}))
				if n%3 == 0 {
					assert.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: user, AnonymousID: visitor, Traits: altertable.Traits{"password": "hunter2!"}}))
				}
				if n%100 == 0 {
					assert.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: user, NewUserID: fmt.Sprint("w_", n/100)}))
				}
			}
			assert.NoError(t, client.Flush(t.Context()))
		})
	}
	senders.Wait()
	r.track("last", `"distinct_id":"u_1"`)
	readers.Wait()
	_, u := listen(r).next()
	assert.Equal(t, 2001, u.Matched)
	_, filtered := listen(r, "text", "PLAN").next()
	assert.Equal(t, 2000, filtered.Matched)
	require.NotEmpty(t, u.Hints) // clients may overtake each other, too
	assert.Equal(t, "secret-trait", u.Hints[0].Code)
	assert.Equal(t, 4*167, u.Hints[0].Count)
}

// With a file the console begins with what it showed.
func TestConsoleOutlivesTheServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	r := startLocal(t, Config{Data: file})
	for n := range 500 {
		r.track("page_viewed", fmt.Sprintf(`"distinct_id":"anonymous-%d","session_id":"s","properties":{"n":%d}`, n%7, n))
	}
	r.track("PageViewed", `"anonymous_id":"anonymous-3"`)
	r.post("/identify", `{"environment":"production","distinct_id":"u_1","anonymous_id":"anonymous-3","traits":{"plan":"pro"}}`)
	_, before := listen(r, "person", "u_1").next()
	details := get[eventDetails](r, "/console/events/501")
	require.Equal(t, []string{"spelling"}, codes(details.Hints))
	r.stop()
	r = startLocal(t, Config{Data: file})
	_, after := listen(r, "person", "anonymous-3").next()
	for i := range before.Events {
		// The file's stamps count microseconds.
		before.Events[i].ReceivedAt, before.Events[i].Timestamp = after.Events[i].ReceivedAt, after.Events[i].Timestamp
	}
	assert.Equal(t, before.Events, after.Events)
	assert.Equal(t, before.Identities, after.Identities)
	assert.Equal(t, 72, after.Matched)
	assert.Equal(t, int64(501), after.Stored)
	assert.Equal(t, 1, after.People)
	assert.Equal(t, `{"n":500}`, strings.Replace(get[eventDetails](r, "/console/events/500").Properties, "499", "500", 1))
	assert.Equal(t, "anonymous-3", get[eventDetails](r, "/console/events/501").AnonymousID)
}

// A file of large events does not fill the memory when it is opened.
func TestConsoleBeginsWithNoMoreThanItKeeps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	r := startLocal(t, Config{Data: file})
	large := strings.Repeat("x", 1_900_000)
	r.post("/identify", `{"environment":"production","distinct_id":"u_1","traits":{"x":"`+large+`"}}`)
	for n := range 40 {
		r.track("large", fmt.Sprintf(`"distinct_id":"u_1","properties":{"n":%d,"x":"%s"}`, n, large))
	}
	r.stop()
	r = startLocal(t, Config{Data: file})
	_, u := listen(r).next()
	assert.Equal(t, keepBytes/1_900_000, u.Kept)
	assert.Equal(t, int64(40), u.Stored)
	assert.Equal(t, int64(40), u.Events[len(u.Events)-1].Number)
	assert.Contains(t, u.Events[len(u.Events)-1].Brief, "n: 39")
	assert.True(t, u.Events[0].Known)
}

func codes(all []hints.Hint) (codes []string) {
	for _, h := range all {
		codes = append(codes, h.Code)
	}
	return codes
}
