package chaos

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A proxy forwards connections to one of its targets, in turn, and makes them
// fail. A target that does not answer is passed over, as a balancer does.
type proxy struct {
	address string

	listener net.Listener
	next     atomic.Uint32

	mu      sync.Mutex
	targets []string           // guarded by mu
	conns   map[*pair]struct{} // guarded by mu
	gates   [2]chan struct{}   // guarded by mu; bytes to and from the target wait until it is closed; nil: they pass
	done    bool               // guarded by mu
}

type pair struct{ client, server net.Conn }

func (p *pair) close() {
	_ = p.client.Close()
	_ = p.server.Close()
}

// The two directions of a connection.
const (
	request  = 0
	response = 1
)

func newProxy(t *testing.T, targets ...string) *proxy {
	l, err := net.Listen("tcp", loopback+":0")
	require.NoError(t, err)
	p := &proxy{address: l.Addr().String(), listener: l, targets: targets, conns: map[*pair]struct{}{}}
	go p.accept()
	t.Cleanup(p.close)
	return p
}

func (p *proxy) URL() string { return "http://" + p.address }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(c)
	}
}

func (p *proxy) serve(client net.Conn) {
	p.mu.Lock()
	targets := p.targets
	p.mu.Unlock()
	server := p.dial(targets)
	if server == nil {
		_ = client.Close()
		return
	}
	both := &pair{client, server}
	p.mu.Lock()
	if p.done {
		p.mu.Unlock()
		both.close()
		return
	}
	p.conns[both] = struct{}{}
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.copy(both, server, client, request) })
	wg.Go(func() { p.copy(both, client, server, response) })
	wg.Wait()
	p.mu.Lock()
	delete(p.conns, both)
	p.mu.Unlock()
}

func (p *proxy) dial(targets []string) net.Conn {
	for range targets {
		target := targets[int(p.next.Add(1))%len(targets)]
		if c, err := net.DialTimeout("tcp", target, time.Second); err == nil {
			return c
		}
	}
	return nil
}

// copy ends both directions at the end of one: half a connection is none.
func (p *proxy) copy(both *pair, to io.Writer, from io.Reader, direction int) {
	defer both.close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.pass(direction)
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits while bytes of the direction are held.
func (p *proxy) pass(direction int) {
	p.mu.Lock()
	gate := p.gates[direction]
	p.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// sever closes every connection.
func (p *proxy) sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.close()
	}
}

// hold keeps back the bytes of the directions until restore or sever: nobody
// gets an error.
func (p *proxy) hold(directions ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range directions {
		if p.gates[d] == nil {
			p.gates[d] = make(chan struct{})
		}
	}
}

// lose severs connections whose bytes were held, so that those are lost.
func (p *proxy) lose() {
	p.sever()
	p.restore()
}

func (p *proxy) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, gate := range p.gates {
		if gate != nil {
			close(gate)
			p.gates[i] = nil
		}
	}
}

// aim changes where connections that begin later go.
func (p *proxy) aim(targets ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets = targets
}

func (p *proxy) close() {
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.lose()
}
