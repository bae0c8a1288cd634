package broker

import (
	"errors"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
)

// An embedded is a nats-server that is reached in this process alone. It can be
// started again: connections that go through it find the new one.
type embedded struct {
	dir     string
	log     *serverLog
	current atomic.Pointer[server.Server] // nil unless it runs
	mu      sync.Mutex                    // held by start and stop
}

func newEmbedded(dir string, log *slog.Logger) *embedded {
	return &embedded{dir: dir, log: newServerLog(log)}
}

// start returns once everything stored is recovered.
func (e *embedded) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := server.NewServer(e.options())
	if err != nil {
		return err
	}
	e.log.reset()
	s.SetLoggerV2(e.log, false, false, false)
	s.Start()
	if err := e.log.fatal(); err != nil {
		stopServer(s)
		return err
	}
	e.current.Store(s)
	return nil
}

// options keep every acknowledged message on disk and every door closed.
func (e *embedded) options() *server.Options {
	return &server.Options{
		ServerName: "altertable-relay",
		DontListen: true,
		NoSigs:     true,
		MaxPayload: maxPayload,
		// All drains share a connection, and each pulls many MiB at once.
		MaxPending: 1 << 30,
		JetStream:  true,
		StoreDir:   e.dir,
		SyncAlways: true,
		// Streams have bounds of their own, and the disk is watched.
		JetStreamMaxStore:      math.MaxInt64 / 2,
		JetStreamMaxMemory:     1 << 30,
		DisableJetStreamBanner: true,
	}
}

// InProcessConn connects to the server that runs now.
func (e *embedded) InProcessConn() (net.Conn, error) {
	s := e.current.Load()
	if s == nil {
		return nil, errors.New("embedded broker does not run")
	}
	return s.InProcessConn()
}

func (e *embedded) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.current.Swap(nil); s != nil {
		stopServer(s)
	}
}

func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}
