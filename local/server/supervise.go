package server

import (
	"errors"
	"fmt"
	"time"
)

// attempts is how often something is tried while one engine after the other
// ends, killed by somebody, say.
const attempts = 5

// live returns the engine, another one if it has ended. An error is for good.
func (d *database) live() (*engine, error) {
	d.engineMu.Lock()
	defer d.engineMu.Unlock()
	if d.engine.alive() {
		return d.engine, nil
	}
	if d.over {
		return nil, errEnded
	}
	for n := 1; ; n++ {
		ended := d.engine
		e, err := d.restartLocked()
		if err == nil {
			d.engine = e
			d.log(fmt.Sprintf("the engine of the queries ended (%s) and was started again; no event is lost", ended.state))
			return e, nil
		}
		if n == attempts || !errors.Is(err, errEnded) {
			return nil, d.fail(fmt.Errorf("the engine of the queries ended (%s) and cannot be started again: %w", ended.state, err))
		}
	}
}

// restartLocked returns an engine that has all that was applied.
func (d *database) restartLocked() (*engine, error) {
	e, err := startEngine(d.interval, d.patience)
	if err != nil {
		return nil, err
	}
	_ = d.engine.in.Close()
	err = e.open(d.file, d.file != "")
	if err == nil && d.file != "" && !d.expectedLocked(e.opened) {
		err = fmt.Errorf("data file %s: it has %d events, and %d were stored", d.file, e.opened, d.applied)
	}
	if err == nil && d.journal != nil {
		err = d.replayLocked(e)
	}
	if err != nil {
		e.kill()
		<-e.ended
		_ = e.in.Close()
		return nil, err
	}
	return e, nil
}

// expectedLocked reports whether a file can have that many events.
func (d *database) expectedLocked(stored int64) bool {
	return stored == d.applied || stored == d.applied+int64(d.inFlight) || d.clearing && stored == int64(d.inFlight)
}

// replayLocked gives an engine without a file what was applied, and the
// identities as they are now: what is pending about them changes nothing.
func (d *database) replayLocked(e *engine) error {
	store := func(b batch) error {
		_, err := e.call(callApply, b.frame()...)
		return err
	}
	if err := d.journal.replay(store); err != nil {
		return err
	}
	e.opened = d.applied
	if d.truth == nil {
		return nil
	}
	var c changes
	size := 0 // of the frame, about
	for _, i := range d.truth.Identities() {
		c.identities = append(c.identities, rowOf(i))
		size += len(c.identities[len(c.identities)-1].traits)
		for _, ids := range [][]string{{i.DistinctID}, i.AnonymousIDs, i.Aliases} {
			for _, id := range ids {
				c.ids = append(c.ids, idRow{identityKey{i.Environment, id}, i.DistinctID})
				size += 2*len(id) + len(i.DistinctID)
			}
		}
		if len(c.ids) >= chunk || size >= chunkBytes {
			if err := store(batch{changes: c.pack()}); err != nil {
				return err
			}
			c, size = changes{}, 0
		}
	}
	return store(batch{changes: c.pack()})
}

// apply stores a batch exactly once, whatever happens to engines meanwhile. A
// failure is one only if no query can have caused it, and another engine fails
// as well.
func (d *database) apply(b batch) error {
	d.engineMu.Lock()
	d.inFlight, d.clearing = b.count, b.reset
	d.engineMu.Unlock()
	return d.applyAfter(nil, b)
}

// applyAfter goes on where an engine has ended that may have stored the batch.
func (d *database) applyAfter(tried *engine, b batch) error {
	var release func()
	defer func() {
		if release != nil {
			release()
		}
	}()
	for n := 1; ; n++ {
		e, err := d.live()
		if err != nil {
			return err
		}
		if tried != nil && e != tried && d.hasAlready(e, b) {
			return d.settle(e, b)
		}
		tried = e
		if _, err = e.call(callApply, b.frame()...); err == nil {
			if err = d.settle(e, b); !errors.Is(err, errEnded) {
				return err
			}
		}
		if n == attempts {
			return err
		}
		if release == nil {
			release, _ = d.turns.take(readers, true, nil)
		} else if !errors.Is(err, errEnded) {
			e.kill()
			<-e.ended
		}
	}
}

// hasAlready reports whether an engine found the batch in its file: the one
// before ended after it had stored it.
func (d *database) hasAlready(e *engine, b batch) bool {
	d.engineMu.Lock()
	defer d.engineMu.Unlock()
	return d.file != "" && !b.reset && b.count > 0 && e.opened == d.applied+int64(b.count)
}

// settle counts a batch as stored. Its error is errEnded if another engine has
// taken over meanwhile, which may not have it.
func (d *database) settle(e *engine, b batch) error {
	d.engineMu.Lock()
	defer d.engineMu.Unlock()
	if d.engine != e {
		return errEnded
	}
	if d.journal != nil {
		if b.reset {
			d.journal.forget()
		}
		d.journal.add(b.count, b.events)
	}
	if b.reset {
		d.applied = 0
	}
	d.applied += int64(b.count)
	d.inFlight, d.clearing = 0, false
	return nil
}

// closeFile lets the engine put all of its file in order, for as long as the
// grace: without that the file is as after a crash, and has everything.
func (e *engine) closeFile(grace time.Duration) error {
	c := e.begin(callClose)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		e.kill()
		<-c.done
	}
	if errors.Is(c.err, errEnded) {
		return nil
	}
	return c.err
}
