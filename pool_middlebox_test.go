package altertable

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A middlebox forwards TCP connections to backends. It can freeze: it goes on
// to accept and to acknowledge what comes, and forwards nothing.
type middlebox struct {
	net.Listener
	backend func(conn int) string // the address for a connection, counted from 1
	conns   atomic.Int64
	frozen  atomic.Int64 // connections up to this one are frozen
	pumps   sync.WaitGroup
}

func newMiddlebox(t *testing.T, backend func(conn int) string) *middlebox {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &middlebox{Listener: listener, backend: backend}
	m.pumps.Go(func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			n := m.conns.Add(1)
			m.pumps.Go(func() { m.forward(conn, n) })
		}
	})
	return m
}

func (m *middlebox) forward(near net.Conn, n int64) {
	defer near.Close()
	far, err := net.Dial("tcp", m.backend(int(n)))
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(valve{near, m, n}, far) // ends when either side closes
		if n > m.frozen.Load() {
			_ = near.Close()
		}
	})
	_, _ = io.Copy(valve{far, m, n}, near)
	_ = far.Close()
	back.Wait()
}

// freeze freezes the connections that there are.
func (m *middlebox) freeze() { m.frozen.Store(m.conns.Load()) }

// awaitEnd waits until all connections are closed by the client.
func (m *middlebox) awaitEnd(t *testing.T) {
	_ = m.Close()
	ended := make(chan struct{})
	go func() { m.pumps.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		assert.Fail(t, "a connection was left open")
	}
}

// A valve swallows what is written if its connection is frozen.
type valve struct {
	net.Conn
	box *middlebox
	n   int64
}

func (v valve) Write(p []byte) (int, error) {
	if v.n <= v.box.frozen.Load() {
		return len(p), nil
	}
	return v.Conn.Write(p)
}

// A together is a handler that answers the next requests when all of them are there.
type together struct {
	mu      sync.Mutex
	missing int
	here    chan struct{}
	status  int
}

func (h *together) await(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.missing, h.here = n, make(chan struct{})
}

func (h *together) fail(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *together) arrive() (<-chan struct{}, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missing--; h.missing == 0 {
		close(h.here)
	}
	return h.here, h.status
}

func (h *together) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a client may leave in between
	here, status := h.arrive()
	select {
	case <-here:
		w.WriteHeader(status)
	case <-r.Context().Done():
	}
}

func newTogether(t *testing.T, http2 bool) (*together, *httptest.Server) {
	h := &together{status: 200}
	h.await(1)
	api := httptest.NewUnstartedServer(h)
	api.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if api.EnableHTTP2 = http2; http2 {
		api.StartTLS()
	} else {
		api.Start()
	}
	t.Cleanup(api.Close)
	return h, api
}
