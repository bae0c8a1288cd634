package altertabletest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// WaitRequests waits until the server has read n requests since its start or
// the last Reset; they need not be answered yet. If ctx ends first the error
// matches ctx's, if the server is closed http.ErrServerClosed. Its text says
// how many requests there were after how long, and lists them.
func (s *Server) WaitRequests(ctx context.Context, n int) error {
	start := time.Now()
	err := s.wait(ctx, func() bool { return s.requests.total >= n })
	if err == nil {
		return nil
	}
	var b strings.Builder
	b.WriteByte('\n')
	s.see().writeHints(&b)
	s.mu.Lock()
	defer s.mu.Unlock()
	requests, total := s.requests.all(), s.requests.total
	for _, r := range requests[:min(len(requests), maxListed)] {
		status := "not answered"
		if r.Status != 0 {
			status = fmt.Sprint(r.Status)
		}
		if r.Count > 0 {
			status += ", " + count(r.Count, "message")
		}
		fmt.Fprintf(&b, "\t%d. %s %s: %s\n", r.number, r.Method, r.Path, status)
	}
	if more := len(requests) - maxListed; more > 0 {
		fmt.Fprintf(&b, "\tand %d more\n", more)
	}
	return tooFew(total, n, "request", start, err, b.String())
}

// WaitEvents waits until the server has stored n events since its start or the
// last Reset. Its errors are those of WaitRequests; the text lists the events,
// and says if messages are still queued in the client of New.
func (s *Server) WaitEvents(ctx context.Context, n int) error {
	start := time.Now()
	err := s.wait(ctx, func() bool { return s.store.events.total >= n })
	if err == nil {
		return nil
	}
	seen := s.see()
	var b strings.Builder
	b.WriteByte('\n')
	seen.writeHints(&b)
	seen.writeEvents(&b, nil)
	return tooFew(seen.forgotten+len(seen.events), n, "event", start, err, b.String())
}

func tooFew(have, want int, noun string, start time.Time, cause error, rest string) error {
	return fmt.Errorf("altertabletest: %d of %s after %s: %w%s",
		have, count(want, noun), inSeconds(time.Since(start)), cause, strings.TrimSuffix(rest, "\n"))
}

func inSeconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.4g s", d.Round(100*time.Millisecond).Seconds())
}

var errDeadlineNear = fmt.Errorf("the test's deadline is near: %w", context.DeadlineExceeded)

// wait returns when reached, called under mu, is true.
func (s *Server) wait(ctx context.Context, reached func() bool) error {
	s.mu.Lock()
	deadline := s.deadline
	s.mu.Unlock()
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, beforeDeadline(deadline), errDeadlineNear)
		defer cancel()
	}
	for {
		s.mu.Lock()
		if reached() {
			s.mu.Unlock()
			return nil
		}
		if s.closed {
			s.mu.Unlock()
			return http.ErrServerClosed
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// notifyLocked wakes those who wait.
func (s *Server) notifyLocked() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
