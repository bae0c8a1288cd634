package intake_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

// Requests at the same time share messages, each of one environment; those from a
// spool do, too. Each event is stored once, and those of one producer in order, though
// every request is repeated.
func TestRequestsShareMessages(t *testing.T) {
	const producers, each = 24, 20
	s := start(t, intake.Options{})
	spool := &http.Client{Transport: s.Transport("acme")}
	var group sync.WaitGroup
	for producer := range producers {
		client := s.client
		if producer%2 == 0 {
			client = spool
		}
		group.Go(func() {
			for i := range each {
				text := strings.Replace(track(producer*each+i), "production", "e"+strconv.Itoa(producer/2%2), 1)
				for range 2 {
					resp, err := client.Do(s.request(t, "/track", text))
					if assert.NoError(t, err) {
						assert.Equal(t, 200, read(t, resp).status)
					}
				}
			}
		})
	}
	group.Wait()
	next, shared := make([]int, producers), 0
	for _, m := range s.stored(t, "acme") {
		assert.LessOrEqual(t, len(m.events), 100)
		if len(m.events) > 1 {
			shared++
			assert.Len(t, strings.Fields(m.header.Get(broker.HeaderIDs)), len(m.events))
		}
		for _, e := range m.events {
			require.Equal(t, m.events[0]["environment"], e["environment"])
			n := int(e["properties"].(map[string]any)["n"].(float64))
			require.Equal(t, next[n/each], n%each)
			next[n/each]++
		}
	}
	assert.Positive(t, shared)
	for _, n := range next {
		assert.Equal(t, each, n)
	}
}

// An outcome is of one message: what waits for it shares none.
func TestSyncSharesNoMessage(t *testing.T) {
	s := start(t, intake.Options{SyncTimeout: 1})
	var group sync.WaitGroup
	for n := range 16 {
		group.Go(func() {
			path, want := "/track", 200
			if n%2 == 0 {
				path, want = "/track?sync=true", 504
			}
			assert.Equal(t, want, s.post(t, path, track(n)).status)
		})
	}
	group.Wait()
	waiting := 0
	for _, m := range s.stored(t, "acme") {
		if m.header.Get(broker.HeaderOutcome) != "" {
			waiting++
			assert.Len(t, m.events, 1)
			assert.Empty(t, m.header.Get(broker.HeaderIDs))
		}
	}
	assert.Equal(t, 8, waiting)
	assert.Len(t, s.events(t, "acme"), 16)
}

// What is alone is stored as it came, under the id of its body.
func TestAnAloneRequestIsUnchanged(t *testing.T) {
	s := start(t, intake.Options{})
	text := "[" + track(1) + ",\n " + track(2) + "]"
	require.Equal(t, 200, s.post(t, "/track", " "+text+"\n").status)
	all := s.stored(t, "acme")
	require.Len(t, all, 1)
	assert.Equal(t, text, all[0].data)
	assert.Len(t, all[0].header, 1)
	assert.True(t, strings.HasSuffix(all[0].header.Get("Nats-Msg-Id"), "-0"))
}
