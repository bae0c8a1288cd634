package broker

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A nodes is a cluster of nats-servers on loopback.
type nodes struct {
	t       *testing.T
	options []*server.Options
	servers []*server.Server
}

func startNodes(t *testing.T, n int, change func(*server.Options)) *nodes {
	t.Helper()
	c := &nodes{t: t}
	dir := t.TempDir()
	var routes []*url.URL // JetStream wants them before anybody listens
	for range n {
		routes = append(routes, &url.URL{Scheme: "nats", Host: freeAddress(t)})
	}
	for i := range n {
		o := &server.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: filepath.Join(dir, fmt.Sprint(i)), MaxPayload: maxPayload, JetStreamMaxStore: 10 << 30,
		}
		if n > 1 {
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: portOf(t, routes[i].String())}
			o.Routes = routes
		}
		o.Port = portOf(t, "nats://"+freeAddress(t)) // the same after a stop
		if change != nil {
			change(o)
		}
		c.options = append(c.options, o)
		c.servers = append(c.servers, startNode(t, o))
	}
	return c
}

// lastPort is below the range from which systems take the ports of outgoing connections
// and of listeners that name none: between freeAddress and the server's start, or between
// its stop and its next start, one of those would get it.
var lastPort = func() *atomic.Int32 {
	p := new(atomic.Int32)
	p.Store(int32(rand.IntN(22_000)))
	return p
}()

// freeAddress returns a loopback address where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+lastPort.Add(1)%22_000)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		require.NoError(t, l.Close())
		return address
	}
	t.Fatal("no free port")
	return ""
}

func portOf(t *testing.T, address string) (port int) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	_, err = fmt.Sscan(u.Port(), &port)
	require.NoError(t, err)
	return port
}

func startNode(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(o.Clone())
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(patience))
	t.Cleanup(func() { stopServer(s) })
	return s
}

func (c *nodes) url() string {
	urls := make([]string, len(c.servers))
	for i, s := range c.servers {
		urls[i] = s.ClientURL()
	}
	return strings.Join(urls, ",")
}

func (c *nodes) stop(i int) { stopServer(c.servers[i]) }

func (c *nodes) start(i int) { c.servers[i] = startNode(c.t, c.options[i]) }

func readyEventually(t *testing.T, b *Broker) {
	t.Helper()
	eventually(t, "ready", func() bool { return b.Ready(t.Context()) == nil })
}

// Two of three nodes are enough; one is not, and Ready says why.
func TestNodesStopped(t *testing.T) {
	c := startNodes(t, 3, nil)
	b := open(t, Options{URL: c.url(), Replicas: 3}, small("acme")...)
	readyEventually(t, b)
	_, _, ok := b.Disk()
	assert.False(t, ok)
	require.NotNil(t, b.Writable())
	s, err := b.JetStream().Stream(t.Context(), Stream("acme"))
	require.NoError(t, err)
	assert.Equal(t, 3, s.CachedInfo().Config.Replicas)
	for range 20 {
		publish(t, b, "acme", "[]")
	}
	c.stop(0)
	readyEventually(t, b)
	publish(t, b, "acme", "[]")
	c.stop(1)
	eventually(t, "unready", func() bool { return b.Ready(t.Context()) != nil })
	c.start(0)
	readyEventually(t, b)
	assert.EqualValues(t, 21, messages(t, b, "acme"))
	publish(t, b, "acme", "[]")
}

func TestTooFewNodes(t *testing.T) {
	c := startNodes(t, 1, nil)
	b, err := Open(Options{URL: c.url(), Replicas: 3}, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool { return strings.Contains(b.Ready(t.Context()).Error(), "replicas") })
	assert.Nil(t, b.JetStream())
}

func TestNoJetStream(t *testing.T) {
	c := startNodes(t, 1, func(o *server.Options) { o.JetStream = false })
	b, err := Open(Options{URL: c.url(), Replicas: 1}, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool { return strings.Contains(b.Ready(t.Context()).Error(), "JetStream") })
}

// Two relays of different settings, as in a rolling upgrade: each has its way once.
func TestTwoRelays(t *testing.T) {
	c := startNodes(t, 1, nil)
	log := new(record)
	o := Options{URL: c.url(), Replicas: 1, Logger: log.logger()}
	b := open(t, o, Tenant{Name: "acme", MaxBytes: 1 << 30})
	open(t, o, Tenant{Name: "acme", MaxBytes: 2 << 30})
	assert.EqualValues(t, 2<<30, streamOf(t, b, Stream("acme")).MaxBytes)
	changes := log.count("is changed")
	c.stop(0)
	c.start(0)
	readyEventually(t, b)
	assert.EqualValues(t, 2<<30, streamOf(t, b, Stream("acme")).MaxBytes)
	assert.Equal(t, changes, log.count("is changed"), log.String())
}
