package altertabletest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// minRecheck is how often a watch looks at least.
const minRecheck = 20 * time.Millisecond

// A watch ends what waits for a server that does not come up, shortly before the
// test binary's -timeout would end the process with a dump of all goroutines.
type watch struct {
	t        testing.TB
	client   *altertable.Client
	srv      *Server
	deadline time.Time

	mu    sync.Mutex // held while it looks
	ended bool
	timer *time.Timer
}

// watchDeadline starts a watch if t has a deadline. It first looks when nine
// tenths of the time have passed, and from then on at half of what is left. In
// virtual time there is no deadline: retries end after WithRetry's MaxElapsed,
// which takes no time.
func watchDeadline(t testing.TB, client *altertable.Client, srv *Server) (stop func()) {
	limited, ok := t.(interface{ Deadline() (time.Time, bool) })
	if !ok || virtualTime() {
		return func() {}
	}
	deadline, ok := limited.Deadline()
	if !ok {
		return func() {}
	}
	w := &watch{t: t, client: client, srv: srv, deadline: deadline}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(time.Until(deadline)/10*9, w.look)
	return w.stop
}

// look ends the test if the client has messages that cannot be delivered.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	n, why := w.client.Stats().Queued, w.srv.obstruction()
	if n == 0 || why == "" {
		w.timer.Reset(max(time.Until(w.deadline)/2, minRecheck))
		return
	}
	w.ended = true
	w.t.Errorf("altertabletest: the test's deadline is near, and %s cannot be delivered: %s", count(int(n), "message"), why)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.client.Shutdown(ctx) // Flush returns its error
}

// stop ends the watch. It does not return while the watch looks: t must not be
// used when the test is over.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}
