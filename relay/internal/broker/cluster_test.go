package broker

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	var routes []*url.URL
	for i := range n {
		o := &server.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: filepath.Join(dir, fmt.Sprint(i)), MaxPayload: maxPayload, JetStreamMaxStore: 10 << 30,
		}
		if n > 1 {
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: -1}
			o.Routes = routes
		}
		if change != nil {
			change(o)
		}
		s := startNode(t, o)
		c.options, c.servers = append(c.options, o), append(c.servers, s)
		if n > 1 {
			o.Cluster.Port = s.ClusterAddr().Port
			routes = append(routes, &url.URL{Scheme: "nats", Host: s.ClusterAddr().String()})
		}
		o.Port = portOf(t, s.ClientURL()) // for the next start
	}
	return c
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
	require.True(t, s.ReadyForConnections(30*time.Second))
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
	log := new(record)
	b := open(t, Options{URL: c.url(), Replicas: 3, Logger: log.logger()}, small("acme")...)
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
	t.Log(b.Ready(t.Context()))
	c.start(0)
	readyEventually(t, b)
	assert.EqualValues(t, 21, messages(t, b, "acme"))
	publish(t, b, "acme", "[]")
	t.Log(log.String())
}

func TestTooFewNodes(t *testing.T) {
	c := startNodes(t, 1, nil)
	b, err := Open(Options{URL: c.url(), Replicas: 3}, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool { return strings.Contains(b.Ready(t.Context()).Error(), "replicas") })
	t.Log(b.Ready(t.Context()))
	assert.Nil(t, b.JetStream())
}

func TestNoJetStream(t *testing.T) {
	c := startNodes(t, 1, func(o *server.Options) { o.JetStream = false })
	b, err := Open(Options{URL: c.url(), Replicas: 1}, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool { return strings.Contains(b.Ready(t.Context()).Error(), "JetStream") })
	t.Log(b.Ready(t.Context()))
}
