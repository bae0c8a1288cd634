package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// A node is a process of nats-server. Clients and other nodes reach it through
// proxies.
type node struct {
	*process
	listen string // itself
	front  *proxy // for clients
}

func (n *node) URL() string { return "nats://" + n.front.address }

// start returns when the node takes connections.
func (n *node) start() *node {
	n.t.Helper()
	n.process.start()
	eventually(n.t, patience, n.name+" takes connections", func() bool {
		c, err := nats.Connect("nats://"+n.listen, nats.Timeout(time.Second))
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	return n
}

// crash kills the node and starts it again.
func (n *node) crash() {
	n.t.Helper()
	n.kill()
	n.start()
}

func (w *world) node(name, jetstream, config string) *node {
	w.t.Helper()
	n := &node{listen: freeAddress(w.t)}
	n.front = newProxy(w.t, n.listen)
	file := filepath.Join(w.dir, name+".conf")
	text := fmt.Sprintf("listen: %q\nserver_name: %s\nclient_advertise: %q\nping_interval: \"2s\"\nping_max: 2\njetstream { store_dir: %q, %s }\n%s",
		n.listen, name, n.front.address, filepath.Join(w.dir, "store-"+name), jetstream, config)
	require.NoError(w.t, os.WriteFile(file, []byte(text), 0o600))
	n.process = w.process(name, built(w.t, natsBinary), []string{"-c", file}, nil)
	return n
}

// broker starts a nats-server by itself. It writes acknowledgements at once: else, when
// it is killed, it forgets those of its last moments, and a relay that is killed as
// well is not there to know better.
func (w *world) broker() *node { return w.node("nats", "sync_interval: always", "").start() }

// A cluster is three nodes. Each pair has a proxy of its own in each direction.
type cluster struct {
	nodes []*node
	links map[[2]int]*proxy // from, to
}

const nodes = 3

// cluster starts three nodes and waits until they have elected a leader.
func (w *world) cluster() *cluster {
	w.t.Helper()
	c := &cluster{links: map[[2]int]*proxy{}}
	var routes [nodes]string
	for i := range nodes {
		routes[i] = freeAddress(w.t)
	}
	for i := range nodes {
		var others []string
		for j := range nodes {
			if i == j {
				continue
			}
			c.links[[2]int{i, j}] = newProxy(w.t, routes[j])
			others = append(others, fmt.Sprintf("\"nats://%s\"", c.links[[2]int{i, j}].address))
		}
		// A node that learns of another from a third would get around the proxies,
		// so none tells an address that works.
		c.nodes = append(c.nodes, w.node(fmt.Sprintf("node-%d", i), "", fmt.Sprintf(
			"cluster { name: chaos, listen: %q, advertise: \"127.0.0.1:1\", no_advertise: true, routes: [%s] }\n", routes[i], strings.Join(others, ", "))))
	}
	for _, n := range c.nodes {
		n.process.start()
	}
	c.await(w.t)
	return c
}

// await returns when the cluster answers requests of JetStream.
func (c *cluster) await(t *testing.T) {
	t.Helper()
	eventually(t, patience, "the cluster has a leader", func() bool {
		conn, err := nats.Connect(c.URL(), nats.Timeout(time.Second))
		if err != nil {
			return false
		}
		defer conn.Close()
		js, err := conn.JetStream(nats.MaxWait(time.Second))
		if err != nil {
			return false
		}
		_, err = js.AccountInfo()
		return err == nil
	})
}

// URL names all nodes.
func (c *cluster) URL() string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.URL())
	}
	return strings.Join(all, ",")
}

// around returns the proxies of a node: those of its clients and of both
// directions of its routes.
func (c *cluster) around(node int) []*proxy {
	all := []*proxy{c.nodes[node].front}
	for pair, p := range c.links {
		if slices.Contains(pair[:], node) {
			all = append(all, p)
		}
	}
	return all
}

// cutOff makes a node unreachable, without an error to anybody.
func (c *cluster) cutOff(node int) {
	for _, p := range c.around(node) {
		p.hold(request, response)
	}
}

// heal ends what cutOff began. What was held is lost with its connections, as in
// a network that is gone.
func (c *cluster) heal(node int) {
	for _, p := range c.around(node) {
		p.lose()
	}
}
