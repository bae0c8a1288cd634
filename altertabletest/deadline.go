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
	spoke bool        // it has ended the test
	timer *time.Timer // nil without a deadline
}

// deadlineOf returns when go test's -timeout ends t, or zero if there is no such
// time. In virtual time there is none: retries end after WithRetry's MaxElapsed,
// which takes no time.
func deadlineOf(t testing.TB) time.Time {
	limited, ok := t.(interface{ Deadline() (time.Time, bool) })
	if !ok || virtualTime() {
		return time.Time{}
	}
	deadline, _ := limited.Deadline()
	return deadline
}

// beforeDeadline returns when nine tenths of the time from now to deadline are over.
func beforeDeadline(deadline time.Time) time.Duration { return time.Until(deadline) / 10 * 9 }

// watchDeadline starts a watch. It first looks when nine tenths of the time have
// passed, and from then on at half of what is left.
func watchDeadline(t testing.TB, client *altertable.Client, srv *Server, deadline time.Time) *watch {
	w := &watch{t: t, client: client, srv: srv, deadline: deadline, ended: deadline.IsZero()}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.timer = time.AfterFunc(beforeDeadline(deadline), w.look)
	}
	return w
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
	w.ended, w.spoke = true, true
	w.t.Errorf("altertabletest: the test's deadline is near, and %s cannot be delivered: %s", count(int(n), "message"), why)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.client.Shutdown(ctx) // Flush returns its error
}

// stop ends the watch, and reports whether it has ended the test. It does not
// return while the watch looks: t must not be used when the test is over.
func (w *watch) stop() (spoke bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
	return w.spoke
}
