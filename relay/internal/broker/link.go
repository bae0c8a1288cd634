package broker

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A link is the connection to the broker and what is said about it.
type link struct {
	log     *slog.Logger
	url     string
	options []nats.Option
	secrets []string // that no text may show

	mu     sync.Mutex // guards what follows
	nc     *nats.Conn
	closed bool
	last   error     // what the server refused last
	down   error     // why there was no connection, last
	logged time.Time // when a fault was last logged
	silent int       // faults that were not, since
}

// toServer connects to the embedded server.
func (l *link) toServer(e *embedded, o Options) {
	l.options = append(l.common(o), nats.InProcessServer(e), nats.ReconnectWait(50*time.Millisecond))
}

// common are the options of every connection: it is never given up, and nothing
// is kept in memory while it is lost, since a publisher must know.
func (l *link) common(o Options) []nats.Option {
	return []nats.Option{
		nats.Name(o.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(true),
		// A node that is cut off or stopped does not close the connection.
		nats.PingInterval(3 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(10 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.lost("connection lost", err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { l.lost("no connection", err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.refused(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { l.again() }),
	}
}

func (l *link) connect() (*nats.Conn, error) {
	nc, err := nats.Connect(l.url, l.options...)
	if err != nil {
		return nil, l.scrub(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nc = nc
	return nc, nil
}

// refused keeps what the server says about a subject that is not allowed: the
// request itself only times out.
func (l *link) refused(err error) {
	l.mu.Lock()
	if errors.Is(err, nats.ErrPermissionViolation) {
		l.last = l.scrub(err)
	}
	l.mu.Unlock()
	l.fault("broker", err)
}

func (l *link) lost(what string, err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	l.down = l.scrub(err)
	l.mu.Unlock()
	l.fault(what, err)
}

// fault logs at most one line a minute.
func (l *link) fault(what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil || l.closed {
		return
	}
	if now := time.Now(); now.Sub(l.logged) >= time.Minute {
		l.log.Warn(what, "error", l.scrub(err), "not_logged", l.silent)
		l.logged, l.silent = now, 0
		return
	}
	l.silent++
}

func (l *link) again() {
	l.mu.Lock()
	l.down = nil
	l.mu.Unlock()
	l.log.Info("connected again")
}

func (l *link) close() {
	l.mu.Lock()
	nc := l.nc
	l.closed = true
	l.mu.Unlock()
	if nc != nil {
		nc.Close()
	}
}
