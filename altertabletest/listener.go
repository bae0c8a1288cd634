package altertabletest

import (
	"net"
	"sync/atomic"
)

// A gate is a listener that can be shut: it then resets new connections. It
// keeps its port meanwhile, which another program could take otherwise.
type gate struct {
	net.Listener
	shut atomic.Bool
}

// Accept waits for a connection while the gate is open.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || !g.shut.Load() {
			return conn, err
		}
		reset(conn)
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
