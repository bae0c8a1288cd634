package altertable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"testing/synctest"
	"time"
)

// flush flushes c. If that returns nil, all dones have been told.
func (r *doneRun) flush(ctx context.Context, c *doneClient) {
	c.queue.mu.Lock()
	untold := c.queue.reports.running
	c.queue.mu.Unlock()
	r.mu.Lock()
	var before []*doneMessage
	for _, m := range r.messages {
		if m.client == c && m.accepted && len(m.told) == 0 {
			before = append(before, m)
		}
	}
	r.mu.Unlock()
	begin := time.Now() // what is settled at the same moment may be settled before
	if c.queue.isClosing() || c.Flush(ctx) != nil || c.writesOnly {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range before {
		switch {
		case len(m.told) == 0 && r.quick && ctx.Err() == nil && r.problem == "":
			r.problem = fmt.Sprintf("Flush returned nil before #%d was told", m.number)
		case len(m.told) > 0 && m.told[0] != nil && m.told[0] != ErrClosed && !untold && m.toldAt.After(begin) && r.problem == "":
			r.problem = fmt.Sprintf("Flush returned nil, #%d was told %v", m.number, m.told[0])
		}
	}
}

func (r *doneRun) look() {
	if r.IntN(2) == 0 {
		return // more happens at the same moment
	}
	synctest.Wait()
	for _, c := range r.living {
		if problem := c.queue.inconsistency(); problem != "" && !c.queue.isClosing() {
			r.complain("client %d: %s", c.number, problem)
		}
		c.queue.mu.Lock()
		pending := c.queue.reports.pending
		c.queue.mu.Unlock()
		if r.dir != "" && pending > c.maxQueue {
			r.complain("client %d: %d dones are pending", c.number, pending)
		}
		if s := c.Stats(); s.Accepted != s.Delivered+s.Failed+s.Dropped+s.Queued {
			r.complain("client %d: %+v", c.number, s)
		}
	}
}

func (r *doneRun) end(c *doneClient, allowed time.Duration) {
	r.note("client %d ends within %v", c.number, allowed)
	ctx, cancel := context.WithTimeout(context.Background(), allowed)
	defer cancel()
	begin := time.Now()
	_ = c.Shutdown(ctx)
	if time.Since(begin) > allowed+250*time.Millisecond {
		r.complain("Shutdown took %v of %v", time.Since(begin), allowed)
	}
	for i, other := range r.living {
		if other == c {
			r.living = append(r.living[:i:i], r.living[i+1:]...)
			break
		}
	}
	r.ended = append(r.ended, c)
}

func (r *doneRun) finish() {
	for len(r.living) > 0 {
		r.end(r.living[0], time.Duration(r.IntN(10))*time.Second)
	}
	r.calls.Wait()
	close(r.release)
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	for _, c := range r.ended {
		r.settled(c)
	}
	runtime.GC()
	for _, m := range r.messages {
		r.judge(m)
	}
	if r.dir == "" || r.problem != "" {
		return
	}
	r.calm = true
	client, err := New("key", WithHTTPClient(&http.Client{Transport: r}), WithBaseURL("http://localhost"),
		WithLogger(slog.New(slog.DiscardHandler)), WithSpool(r.dir), WithRetry(RetryPolicy{MaxElapsed: 1000 * time.Hour}),
		WithOnError(func(err error) {
			var lost *DeliveryError
			if errors.As(err, &lost) {
				for _, payload := range lost.Payloads() {
					for _, m := range r.numbered(payload) {
						m.lost++
					}
				}
			}
		}))
	if err != nil {
		r.Fatal(err)
	}
	_ = client.Flush(context.Background())
	_ = client.Close()
	for _, c := range r.ended {
		if !c.onError { // it may have given up what another left
			return
		}
	}
	for _, m := range r.messages {
		if len(m.told) == 1 && m.told[0] == ErrClosed && m.stored+m.lost == 0 && !r.harmed {
			r.complain("#%d was told ErrClosed, and is nowhere", m.number)
		}
	}
}

// settled checks what a client counts in the end.
func (r *doneRun) settled(c *doneClient) {
	s := c.Stats()
	var accepted, delivered, lost, kept int64
	for _, m := range r.messages {
		if m.client != c || !m.accepted || m.discarded || len(m.told) != 1 {
			continue
		}
		accepted++
		switch m.told[0] {
		case nil:
			delivered++
		case ErrClosed:
			kept++
		default:
			lost++
		}
	}
	if s.Accepted != s.Delivered+s.Failed+s.Dropped+s.Queued || s.Accepted == accepted && (s.Delivered != delivered || s.Failed+s.Dropped != lost || s.Queued != kept) {
		r.complain("client %d: %d accepted, %d delivered, %d lost, %d kept; %+v", c.number, accepted, delivered, lost, kept, s)
	}
	if r.dir == "" && s.Accepted != accepted {
		r.complain("client %d: %d accepted, %+v", c.number, accepted, s)
	}
	q := c.queue
	if q.reports.pending != 0 || q.reports.untold != (tally{}) || q.reports.evicted != (tally{}) || len(q.reports.coming) > 0 {
		r.complain("client %d: %d dones are pending, %v %v", c.number, q.reports.pending, q.reports.untold, q.reports.evicted)
	}
	if d, ok := q.keeper.(*disk); ok && len(d.dones) > 0 {
		r.complain("client %d: %d dones are left", c.number, len(d.dones))
	}
}

func (r *doneRun) judge(m *doneMessage) {
	repeats := r.dir != "" && (r.harmed || !r.quick) // a callback was stuck when its client ended
	want := 0
	if m.accepted {
		want = 1
	}
	if len(m.told) != want {
		r.complain("#%d (%v) was told %v", m.number, m.refused, m.told)
		return
	}
	if m.token.Value() != nil {
		r.complain("#%d: its done is kept", m.number)
	}
	if want == 0 {
		return
	}
	switch err := m.told[0]; {
	case err == nil:
		if m.stored == 0 && !m.discarded || m.lost > 0 && !repeats {
			r.complain("#%d was told nil, stored %d times, lost %d", m.number, m.stored, m.lost)
		}
		if m.client.onDeliv && m.delivered == 0 && !m.discarded && r.dir == "" {
			r.complain("#%d: OnDelivery was not told", m.number)
		}
	case err == ErrClosed:
		if r.dir == "" {
			r.complain("#%d was told %v", m.number, err)
		}
	default:
		lost, ok := err.(*DeliveryError)
		var files *SpoolError
		gone := errors.As(err, &files) && r.harmed
		switch {
		case !ok || lost.Count != 1:
			r.complain("#%d was told %v", m.number, err)
		case len(lost.Payloads()) == 0 && gone, len(lost.Payloads()) == 0 && r.dir != "" && r.harmed:
		case len(lost.Payloads()) != 1 || len(r.numbered(lost.Payloads()[0])) != 1 || r.numbered(lost.Payloads()[0])[0] != m:
			r.complain("#%d was told %v with %d payloads", m.number, err, len(lost.Payloads()))
		case m.client.onError && m.lost != 1 && !repeats:
			r.complain("#%d: OnError was told %d times", m.number, m.lost)
		}
		if m.stored > 0 && !m.unsure && !repeats {
			r.complain("#%d was told %v, and is stored", m.number, err)
		}
	}
}
