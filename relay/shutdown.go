package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// brokerTime is kept of the time for the end, so that the broker closes well.
const brokerTime = 2 * time.Second

// shutdown ends what open and work started, within --shutdown-timeout: probes hear
// that the relay is not ready, producers get the answers that are due, drains
// deliver what they hold, and the broker closes. What is not delivered by then
// stays stored and is no error.
func (r *relay) shutdown(out io.Writer) error {
	r.stopping.Store(true)
	limit := r.config.ShutdownTimeout
	end, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	kept := min(brokerTime, limit/4)
	deliver, cancelDeliver := context.WithTimeout(end, limit-kept)
	defer cancelDeliver()

	var errs []error
	errs = append(errs, r.endSpool(deliver), r.endIntake(deliver), r.endDrains(deliver, end))
	left := r.leftBehind(end)
	errs = append(errs, r.endBroker(end), r.admin.close(end))
	if r.offline != nil {
		r.offline.close()
	}
	if !within(end, r.running.Wait) {
		errs = append(errs, fmt.Errorf("shutdown took longer than --shutdown-timeout, %v; nothing that was stored is lost", limit))
	}
	fmt.Fprintln(out, "ended"+left)
	return errors.Join(errs...)
}

// endSpool lets the spool go. What it has not handed to the intake stays in it.
func (r *relay) endSpool(ctx context.Context) error {
	r.mu.Lock()
	client := r.spool
	r.mu.Unlock()
	if client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := client.Shutdown(ctx); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// endIntake answers later requests with 503, so that producers try another relay
// or wait, and gives those that are there half of the time.
func (r *relay) endIntake(ctx context.Context) error {
	if r.intake == nil {
		return nil
	}
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
	defer cancel()
	if within(ctx, r.intake.Close) && r.public.Shutdown(ctx) == nil {
		return nil
	}
	_ = r.public.Close()
	return errors.New("requests were cut off at the end: their producers send them again")
}

// endDrains ends those of all tenants side by side. They deliver until ctx ends, and
// then confirm what was delivered.
func (r *relay) endDrains(ctx, end context.Context) error {
	r.mu.Lock()
	drains := maps.Clone(r.drains) // status is asked to the end
	r.mu.Unlock()
	errs := make([]error, len(r.config.Tenants))
	var ending sync.WaitGroup
	for i, t := range r.config.Tenants {
		if d := drains[t.Name]; d != nil {
			ending.Go(func() {
				if err := d.Shutdown(ctx); err != nil && !isUndelivered(err) {
					errs[i] = fmt.Errorf("tenant %s: %w", t.Name, err)
				}
			})
		}
	}
	if !within(end, ending.Wait) {
		return nil // what a drain holds is stored
	}
	return errors.Join(errs...)
}

// isUndelivered reports whether an error says no more than that something is left.
func isUndelivered(err error) bool {
	var undelivered *altertable.UndeliveredError
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &undelivered)
}

// leftBehind says what the next start delivers.
func (r *relay) leftBehind(ctx context.Context) string {
	if r.broker == nil || r.broker.JetStream() == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, brokerTime/4)
	defer cancel()
	var events int64
	for _, name := range r.config.Names() {
		b, err := r.broker.Backlog(ctx, name)
		if err != nil {
			return ""
		}
		events += b.Events
	}
	if events == 0 {
		return ", everything is delivered"
	}
	return fmt.Sprintf(", about %s stored for the next start", counted(int(events), "event"))
}

// endBroker closes the broker. One that still recovers may take long to close, and
// is left to the end of the process, which loses nothing.
func (r *relay) endBroker(ctx context.Context) error {
	if r.broker == nil {
		return nil
	}
	recovering := r.broker.JetStream() == nil
	if recovering {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, brokerTime)
		defer cancel()
	}
	end := func() {
		if g := r.gather.Load(); g != nil {
			g.Close()
		}
		r.broker.Close()
	}
	if within(ctx, end) || recovering {
		return nil
	}
	return errors.New("the broker did not close in time; nothing that was stored is lost")
}

// within calls f and reports whether it returned before ctx ended.
func within(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
