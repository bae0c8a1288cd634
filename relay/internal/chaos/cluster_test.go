package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

const stream = "ALTERTABLE_default"

// inStep returns when every replica of the stream and of its consumers has all,
// so that one more node may fail, and returns the node that leads the stream.
func (c *cluster) inStep(t *testing.T) (leads int) {
	t.Helper()
	conn, err := nats.Connect(c.URL(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	require.NoError(t, err)
	defer conn.Close()
	js, err := conn.JetStream(nats.MaxWait(time.Second))
	require.NoError(t, err)
	eventually(t, patience, "all nodes are in step", func() bool {
		info, err := js.StreamInfo(stream)
		if err != nil || !whole(info.Cluster) {
			return false
		}
		for _, name := range []string{"events", "identify-0"} {
			consumer, err := js.ConsumerInfo(stream, name)
			if err != nil || !whole(consumer.Cluster) {
				return false
			}
		}
		_, err = fmt.Sscanf(info.Cluster.Leader, "node-%d", &leads)
		return err == nil
	})
	return leads
}

func whole(info *nats.ClusterInfo) bool {
	if info == nil || info.Leader == "" {
		return false
	}
	current := 0
	for _, r := range info.Replicas {
		if r.Current && !r.Offline {
			current++
		}
	}
	return current == nodes-1
}

// turns lets the leading node of the stream fail in each way, again and again.
// A fault lasts until events arrive without that node.
func (c *cluster) turns(w *world, turns int) {
	w.t.Helper()
	for i := range turns {
		w.sink.awaitMore(w.t, someEvents(), patience)
		node := c.inStep(w.t)
		begin, over, name := c.fault(i%3, node)
		began := time.Now()
		begin()
		w.sink.awaitMore(w.t, 1500, patience)
		w.t.Logf("node %d %s: 1,500 further events within %v", node, name, time.Since(began).Round(100*time.Millisecond))
		over()
	}
}

func (c *cluster) fault(kind, node int) (begin, over func(), name string) {
	n := c.nodes[node]
	switch kind {
	case 0:
		return n.kill, func() { n.start() }, "killed"
	case 1:
		return n.pause, n.resume, "paused"
	}
	return func() { c.cutOff(node) }, func() { c.heal(node) }, "cut off"
}

// Nodes fail in turn under one relay, which knows what it has delivered.
func TestClusterOneRelay(t *testing.T) {
	needSignals(t)
	t.Parallel()
	w := newWorld(t)
	c := w.cluster()
	r := w.relay("r", "--nats", c.URL(), "--replicas", "3").start()
	w.load(r.URL(), 2, 500)
	c.turns(w, form(3, 30))
	w.finish()
	w.require(w.settle(patience), 0)
}

// Nodes fail in turn under two relays: the pin may move.
func TestClusterTwoRelays(t *testing.T) {
	needSignals(t)
	t.Parallel()
	w := newWorld(t)
	c := w.cluster()
	relays, front := w.pair(c.URL(), "3")
	w.load(front.URL(), 2, 500)
	turns := form(3, 30)
	c.turns(w, turns)
	w.finish()
	v := w.settle(patience)
	w.require(v, max(turns, moves(relays))*inFlight)
}

// Both relays are replaced under load, one after the other. With a TTL that no
// machine is slow enough to reach, what takes over has been told to.
func TestRollingUpgrade(t *testing.T) {
	needSignals(t)
	t.Parallel()
	w := newWorld(t)
	const ttl = time.Minute
	relays, front := w.pair(w.cluster().URL(), "3", "--pinned-ttl", ttl.String(), "--ack-wait", ttl.String())
	w.load(front.URL(), 2, 500)
	w.sink.awaitMore(t, 1000, patience)
	w.sink.watchGap()
	for range form(1, 10) {
		for _, r := range relays {
			began := time.Now()
			r.stop()
			t.Logf("%s stopped within %v", r.name, time.Since(began).Round(time.Millisecond))
			w.sink.awaitMore(t, 500, patience)
			r.start()
			w.sink.awaitMore(t, 500, patience)
		}
	}
	gap := w.sink.longestGap()
	w.finish()
	w.require(w.settle(patience), 0)
	t.Logf("the longest time without a delivery was %v", gap.Round(time.Millisecond))
	require.Less(t, gap, ttl, "the other takes over at once")
}
