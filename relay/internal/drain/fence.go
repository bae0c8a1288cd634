package drain

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A fence lets a session's requests out: while the lane of their endpoint has its
// lease, as fast as the tenant's rate allows, and none after the session's end. A
// request waits here rather than fails, so that the core sees an outage only where the
// API has one.
type fence struct {
	s    *session
	life context.Context // ends by shut
	end  context.CancelFunc

	mu       sync.Mutex // guards what follows
	closed   bool
	inFlight int
	landed   chan struct{} // closed when nothing is in flight any more; nil while nobody waits
}

func newFence(s *session) *fence {
	f := &fence{s: s}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// RoundTrip implements http.RoundTripper.
func (f *fence) RoundTrip(r *http.Request) (*http.Response, error) {
	if answer := f.recall(r); answer != nil {
		closeBody(r)
		return answer, nil
	}
	if err := f.leave(r.Context(), f.leaseFor(r)); err != nil {
		closeBody(r)
		return nil, err
	}
	defer f.lands()
	if answer := f.recall(r); answer != nil { // it turned out meanwhile
		closeBody(r)
		return answer, nil
	}
	answer, err := f.send(r)
	if err == nil && answer.StatusCode < 300 {
		f.s.accepted.Add(1)
	}
	return answer, err
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// A probe is the fence for the events of missing environments: see ask.go.
type probe struct{ *fence }

// RoundTrip implements http.RoundTripper.
func (p probe) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := p.leave(r.Context(), p.leaseFor(r)); err != nil {
		closeBody(r)
		return nil, err
	}
	defer p.lands()
	return p.send(r)
}

// leaseFor returns the lease of the lane whose messages r carries.
func (f *fence) leaseFor(r *http.Request) *lease {
	if strings.HasSuffix(r.URL.Path, "/identify") {
		return f.s.d.leases[identifyLane]
	}
	return f.s.d.leases[eventsLane]
}

// leave waits until a request may leave, and notes that it does.
func (f *fence) leave(ctx context.Context, l *lease) error {
	if err := f.awaitLease(ctx, l); err != nil {
		return err
	}
	if err := f.awaitRate(ctx); err != nil {
		return err
	}
	for {
		if err := f.awaitLease(ctx, l); err != nil { // the rate may have taken long
			return err
		}
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return f.awaitEnd(ctx)
		}
		if l.left() > 0 {
			f.inFlight++
			f.mu.Unlock()
			return nil
		}
		f.mu.Unlock()
	}
}

// awaitEnd keeps a request of a session that is over until its client is shut down: to
// that, an error would be an outage of the API.
func (f *fence) awaitEnd(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// awaitLease waits until the lane has its lease and the broker is connected: what is
// delivered while nothing can be acknowledged is delivered again if this process dies.
func (f *fence) awaitLease(ctx context.Context, l *lease) error {
	for {
		ok, changed := l.holds()
		connected := f.s.d.broker.connected()
		if ok && connected {
			return nil
		}
		var look <-chan time.Time
		if !connected {
			look = time.After(ackSoon)
		}
		select {
		case <-changed:
		case <-look:
		case <-f.life.Done():
			return f.awaitEnd(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send makes the attempt and reads the answer, within the attempt's time.
func (f *fence) send(r *http.Request) (*http.Response, error) {
	attempt, cancel := context.WithTimeout(r.Context(), f.s.d.attempt)
	defer cancel()
	began := time.Now()
	answer, err := f.s.d.pool.roundTrip(r.WithContext(attempt))
	status := 0
	if err == nil {
		status = answer.StatusCode
	}
	f.s.d.o.Metrics.Request(f.s.d.o.Tenant, status, time.Since(began))
	if err != nil {
		return nil, err
	}
	f.heed(r, answer)
	return answer, nil
}

// lands notes that a request is over.
func (f *fence) lands() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inFlight--; f.inFlight == 0 && f.landed != nil {
		close(f.landed)
		f.landed = nil
	}
}

// shut lets no more requests out.
func (f *fence) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.end()
}

// close lets no more requests out, and waits for those that are, but not longer than patience.
func (f *fence) close(patience time.Duration) {
	f.shut()
	landed := f.land()
	if landed == nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-landed:
	case <-timer.C:
	}
}

func (f *fence) land() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inFlight > 0 && f.landed == nil {
		f.landed = make(chan struct{})
	}
	return f.landed
}
