package altertable

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// newHTTPTransport returns a transport that keeps a connection for every
// request that may be in flight, and writes a usual batch with one system call.
// It takes nothing from http.DefaultTransport, which applications replace by
// wrappers and stop from verifying certificates.
func newHTTPTransport(maxInFlight int) *http.Transport {
	return &http.Transport{
		Proxy:                  proxyOf,
		OnProxyConnectResponse: checkConnect,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    maxInFlight,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeaderBytes,
		DisableCompression:     true,
		WriteBufferSize:        64 << 10,
	}
}

// pools are the client's own connections. Requests begin on the current pool.
// When one of them fails, its pool is retired: the failure may be the
// connection's, which net/http would use again, or that of the one backend
// behind it. Later requests then dial anew. Requests in flight finish on the
// retired pool, and the last of them closes it.
type pools struct {
	newPool func() *http.Transport // immutable; the transport has a DialContext

	mu      sync.Mutex // guards what follows, and the users of every pool
	current *pool      // nil until a request needs it
	retired map[*pool]struct{}
	closed  bool
}

// acquire returns the pool for one request, nil after close. The request gives
// it back with release.
func (ps *pools) acquire() *pool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed {
		return nil
	}
	if ps.current == nil {
		ps.current = newPool(ps.newPool())
	}
	ps.current.users++
	return ps.current
}

// release gives up the use of p by a request that is over, its answer's body
// closed. A request that failed retires p.
func (ps *pools) release(p *pool, failed bool) {
	if ps.removeUser(p, failed) {
		p.close()
	}
}

// removeUser reports whether p is to be closed.
func (ps *pools) removeUser(p *pool, failed bool) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.users--
	if failed && p == ps.current {
		ps.current = nil
		ps.retired[p] = struct{}{}
	}
	if p.users > 0 || p == ps.current {
		return false
	}
	delete(ps.retired, p)
	return true
}

// close closes all connections, those in use too. No others are made after it.
func (ps *pools) close() {
	for _, p := range ps.end() {
		p.close()
	}
}

// end returns the pools that are to be closed.
func (ps *pools) end() (all []*pool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.closed = true
	if ps.current != nil {
		all = append(all, ps.current)
		ps.current = nil
	}
	for p := range ps.retired {
		all = append(all, p)
	}
	return all
}

// A pool is an http.Transport and the connections that it has dialed. It knows
// them itself, because http.Transport closes only idle ones, and over HTTP/2 a
// connection is not idle yet when its last request returns after a timeout.
type pool struct {
	client    *http.Client
	transport *http.Transport
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	users     int // requests; guarded by pools.mu

	mu     sync.Mutex // guards what follows
	conns  map[*pooledConn]struct{}
	closed bool
}

func newPool(transport *http.Transport) *pool {
	p := &pool{transport: transport, dial: transport.DialContext, conns: map[*pooledConn]struct{}{}}
	transport.DialContext = p.dialContext
	p.client = &http.Client{Transport: lastStop{transport}}
	return p
}

func (p *pool) dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := p.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = conn.Close() // nothing was sent on it
		return nil, net.ErrClosed
	}
	own := &pooledConn{conn, p}
	p.conns[own] = struct{}{}
	return own, nil
}

// close closes the connections, and ends dials. It does not say goodbye: a peer
// that reads nothing would make it wait.
func (p *pool) close() {
	p.mu.Lock()
	conns := p.conns
	p.conns, p.closed = nil, true
	p.mu.Unlock()
	for c := range conns {
		_ = c.Conn.Close() // whatever it says, nobody uses the connection
	}
	p.transport.CloseIdleConnections() // frees what it knows of them, and cancels dials
}

type pooledConn struct {
	net.Conn
	pool *pool
}

func (c *pooledConn) Close() error {
	c.pool.mu.Lock()
	delete(c.pool.conns, c)
	c.pool.mu.Unlock()
	return c.Conn.Close()
}
