package altertabletest

import (
	"net"
	"sync"
)

// A gate is a listener that can be shut, so that connections are refused, and
// opened again at the same address. Accept does not return while it is shut, so
// whoever serves it does not notice.
type gate struct {
	addr   net.Addr
	mu     sync.Mutex
	moved  sync.Cond    // on mu: opened or closed
	inner  net.Listener // nil while shut
	closed bool
}

func newGate(inner net.Listener) *gate {
	g := &gate{addr: inner.Addr(), inner: inner}
	g.moved.L = &g.mu
	return g
}

// Accept waits for a connection while the gate is open or shut, not closed.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mu.Lock()
		for g.inner == nil && !g.closed {
			g.moved.Wait()
		}
		inner, closed := g.inner, g.closed
		g.mu.Unlock()
		if closed {
			return nil, net.ErrClosed
		}
		conn, err := inner.Accept()
		g.mu.Lock()
		stale := g.inner != inner
		g.mu.Unlock()
		switch {
		case stale && err == nil:
			// Accepted just before the gate was shut: nobody will close it.
			reset(conn)
		case !stale:
			return conn, err
		}
	}
}

// Close implements net.Listener.
func (g *gate) Close() error {
	g.close()
	return nil
}

// Addr implements net.Listener.
func (g *gate) Addr() net.Addr { return g.addr }

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.closeInner()
	g.moved.Broadcast()
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closeInner()
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.inner != nil {
		return
	}
	inner, err := net.Listen(g.addr.Network(), g.addr.String())
	if err != nil {
		panic("altertabletest: Up: " + err.Error())
	}
	g.inner = inner
	g.moved.Broadcast()
}

func (g *gate) closeInner() {
	if g.inner != nil {
		_ = g.inner.Close() // it holds nothing that could be lost
		g.inner = nil
	}
}

// reset closes a connection in a way that the other side sees as a reset.
func reset(conn net.Conn) {
	under := conn
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		under = wrapped.NetConn() // a TLS alert would tell the client that all is well
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a plain close is the best that is left
	}
	_ = under.Close()
}
