//go:build unix

package altertable_test

import (
	"context"
	"path/filepath"
	"testing/synctest"
	"time"
)

// end shuts a client down.
func (r *spoolRun) end(c *spoolClient, patience time.Duration) {
	r.forget(c)
	synctest.Wait()
	before := c.Stats()
	began := false
	r.model.locked(func() { began, c.life.closing = c.life.inside == 0, true })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	err := c.Shutdown(ctx)
	took := time.Since(start)
	r.model.locked(func() {
		if took > patience+250*time.Millisecond {
			r.model.complain("Shutdown takes %v, and has %v", took, patience)
		}
		if len(r.blocked) > 0 {
			r.model.mayRepeat = true
		}
	})
	after := c.Stats()
	r.model.locked(func() {
		if r.callbacks && took >= 250*time.Millisecond || c.life.delivered+c.life.lost < after.Delivered+after.Failed+after.Dropped {
			r.model.mayRepeat = true // these outcomes are not noted any more
		}
	})
	lost := after.Failed + after.Dropped - before.Failed - before.Dropped
	if !r.callbacks && began && (err == nil) != (lost == 0) {
		r.model.locked(func() {
			r.model.complain("Shutdown returned %v after %v of %v, and %d are lost: %+v", err, took, patience, lost, after)
		})
	}
	r.note("client %d ends with %+v: %v after %v of %v", c.life.number, after, err, took, patience)
	r.awaitCallbacks(c)
	r.model.end(c.life, c.Stats())
	r.ended[c.life] = c.Stats()
	r.adopted = r.adopted || after.SpoolBytes > 0
}

// awaitCallbacks lets time pass until a client that has ended has told all.
func (r *spoolRun) awaitCallbacks(c *spoolClient) {
	told := int64(-1)
	for idle := 0; idle < 3; idle++ {
		r.model.locked(func() {
			if now := c.life.delivered + c.life.lost; c.life.inside > 0 || told != now {
				told, idle = now, 0
			}
		})
		pass(time.Minute)
	}
}

// forget takes a client out of those that live.
func (r *spoolRun) forget(c *spoolClient) {
	for i, other := range r.living {
		if other == c {
			r.living = append(r.living[:i:i], r.living[i+1:]...)
		}
	}
}

// finish lets everything be well again. Then all that is left is delivered.
func (r *spoolRun) finish() {
	r.server.set(fine)
	for len(r.blocked) > 0 {
		r.unblock()
	}
	for _, c := range r.living {
		before := c.Stats()
		accepted := r.model.acceptedBy(c.life)
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		err := c.Flush(ctx)
		cancel()
		after := c.Stats()
		r.note("client %d flushes: %v after %v", c.life.number, err, time.Since(start))
		if time.Since(start) > 20*time.Minute {
			r.model.locked(func() {
				r.model.complain("Flush of client %d takes %v: %v %+v", c.life.number, time.Since(start), err, after)
			})
		}
		if err == nil {
			r.model.flushed(c.life, accepted)
		} else if after.Failed+after.Dropped == before.Failed+before.Dropped && !r.callbacks {
			r.model.locked(func() { r.model.complain("Flush of client %d returned %v, and nothing is lost", c.life.number, err) })
		}
	}
	r.wg.Wait()
	for len(r.living) > 0 {
		r.end(r.living[0], time.Hour)
	}
	r.callbacks = false
	last := r.start(1 << 30)
	r.end(last, 2*time.Hour)
	r.model.finish()
	r.count()
	for _, path := range files(r.t, r.dir) {
		if filepath.Ext(path) != ".damaged" && !r.harms {
			r.model.locked(func() { r.model.complain("%s is left", filepath.Base(path)) })
		}
	}
}

// count checks, where nothing unusual happened, that what one client left is what
// others took over.
func (r *spoolRun) count() {
	var adopted, left int64
	for life, s := range r.ended {
		adopted += s.Accepted - life.accepted
		left += s.Queued
	}
	r.model.locked(func() {
		if adopted != left && !r.model.mayRepeat && !r.model.mayLose {
			r.model.complain("%d messages are left, %d adopted", left, adopted)
		}
	})
}
