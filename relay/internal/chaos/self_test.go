package chaos

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The sink, the producer and the books without a relay: what is counted is right.
func TestBooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sink.set(sometimes(3, 10, status(http.StatusServiceUnavailable)))
	a := w.produce(plan{Source: "a", URL: w.sink.URL, Token: apiKey, PerSecond: 4000, Identify: 3})
	killed := w.produce(plan{Source: "killed", URL: w.sink.URL, Token: apiKey, PerSecond: 4000, Identify: 3})
	w.sink.awaitMore(t, 2000, patience)
	killed.kill()
	w.finish()
	v := w.settle(patience)
	w.require(v, 0)
	assert.Len(t, a.acknowledged(), w.sink.total("a"))
	assert.NotEmpty(t, killed.acknowledged())

	w.note("a", 1_000_000)
	w.sink.store(apiKey, []item{{source: "a", number: 0}}, time.Now())
	w.sink.store("another", []item{{source: "a", number: 900_000, endpoint: "identify", person: "p"}}, time.Now())
	w.sink.store(apiKey, []item{{source: "a", number: 800_000, endpoint: "identify", person: "p"}}, time.Now())
	wrong := w.judge(w.books())
	assert.Equal(t, verdict{acknowledged: v.acknowledged + 1, lost: 1, twice: 1, wrong: 1, foreign: 1}, wrong)
}

// An answer that is lost after the API has stored shows as twice.
func TestBooksOfALostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sink.set(sometimes(2, 3, cutAfterStoring))
	w.produce(plan{Source: "a", URL: w.sink.URL, Token: apiKey, Count: 3000})
	w.finish()
	v := w.settle(patience)
	w.require(v, 3*batchSize)
	assert.Positive(t, v.twice)
}

func TestItems(t *testing.T) {
	for _, test := range []struct {
		endpoint, body string
		want           []item
	}{
		{"track", `{"environment":"e","properties":{"id":"a-b-7","at":5}}`, []item{{source: "a-b", number: 7, endpoint: "track", environment: "e", at: time.Unix(0, 5)}}},
		{"identify", `[{"environment":"e","distinct_id":"p","traits":{"id":"a-1"}}]`, []item{{source: "a", number: 1, endpoint: "identify", environment: "e", person: "e/p"}}},
		{"alias", `[{"new_user_id":"a-2"},{"new_user_id":"a-3"}]`, []item{{source: "a", number: 2, endpoint: "alias"}, {source: "a", number: 3, endpoint: "alias"}}},
		{"track", `{"properties":{"id":"none"}}`, []item{{endpoint: "track"}}},
	} {
		got, err := parseItems(test.endpoint, []byte(test.body))
		require.NoError(t, err)
		assert.Equal(t, test.want, got)
	}
	_, err := parseItems("track", []byte("["))
	assert.Error(t, err)
}

// A cluster goes on without one of its nodes, however that one is gone, and the
// node comes back.
func TestCluster(t *testing.T) {
	needLong(t)
	t.Parallel()
	needSignals(t)
	w := newWorld(t)
	c := w.cluster()
	conn, err := nats.Connect(c.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2))
	require.NoError(t, err)
	defer conn.Close()
	js, err := conn.JetStream(nats.MaxWait(2 * time.Second))
	require.NoError(t, err)
	_, err = js.AddStream(&nats.StreamConfig{Name: "s", Subjects: []string{"s"}, Replicas: nodes})
	require.NoError(t, err)
	publishes := func(what string) {
		eventually(t, patience, "published "+what, func() bool {
			_, err := js.Publish("s", nil)
			return err == nil
		})
	}
	faults := []struct {
		name        string
		begin, over func(i int)
	}{
		{"killed", func(i int) { c.nodes[i].kill() }, func(i int) { c.nodes[i].start() }},
		{"paused", func(i int) { c.nodes[i].pause() }, func(i int) { c.nodes[i].resume() }},
		{"cut off", c.cutOff, c.heal},
	}
	for i, f := range faults {
		f.begin(i)
		publishes("without a node that is " + f.name)
		f.over(i)
		publishes("after a node was " + f.name)
		eventually(t, patience, "all nodes are in step", func() bool {
			info, err := js.StreamInfo("s")
			if err != nil || info.Cluster == nil || info.Cluster.Leader == "" {
				return false
			}
			current := 0
			for _, r := range info.Cluster.Replicas {
				if r.Current && !r.Offline {
					current++
				}
			}
			return current == nodes-1
		})
	}
	for _, n := range c.nodes {
		assert.NotContains(t, strings.ToLower(n.out.String()), "panic")
	}
}
