package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// maxLarge is how many large results there are at a time.
	maxLarge  = 4
	largeSize = 1 << 20
)

// query runs one statement that reads. It sees everything that was observed
// before. Its error is a *sqlError, unless the database itself has failed. The
// result of a large answer keeps others waiting until ctx ends.
func (d *database) query(ctx context.Context, text string) (*result, error) {
	start, asker := time.Now(), ctx
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	type outcome struct {
		*result
		err error
	}
	done := make(chan outcome, 1)
	if !d.begin(func() {
		found, err := d.ask(ctx, asker, text)
		done <- outcome{found, err}
	}) {
		return nil, &sqlError{"canceled", "the query was canceled"}
	}
	// Who asks has an answer in time, whatever the engine does.
	var found outcome
	select {
	case found = <-done:
	case <-ctx.Done():
		found.err = ctx.Err()
	}
	if found.err != nil {
		return nil, d.explain(ctx, found.err)
	}
	found.Duration = float64(time.Since(start).Microseconds()) / 1000
	return found.result, nil
}

// begin runs f in a goroutine that close waits for. It reports false after close.
func (d *database) begin(f func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.ended.Go(f)
	return true
}

// explain makes of an error what the one who asked has to know.
func (d *database) explain(ctx context.Context, err error) error {
	var own *sqlError
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &sqlError{"timeout", fmt.Sprintf("the query took longer than %v", d.timeout)}
	case ctx.Err() != nil, errors.Is(err, errEnded):
		return &sqlError{"canceled", "the query was canceled"}
	}
	return err
}

// ask runs a query, and runs it again if it met the end of an engine. That can be
// the fault of another one, of nobody, or its own: so it runs alone then, and
// what happens to it is its own.
func (d *database) ask(ctx, asker context.Context, text string) (*result, error) {
	if err := d.catchUp(); err != nil {
		return nil, err
	}
	release, ok := d.turns.take(1, false, ctx.Done())
	if !ok {
		return nil, ctx.Err()
	}
	found, err := d.run(ctx, asker, text)
	release()
	if !errors.Is(err, errEnded) {
		return found, err
	}
	if release, ok = d.turns.take(readers, false, ctx.Done()); !ok {
		return nil, ctx.Err()
	}
	found, err = d.run(ctx, asker, text)
	release()
	if errors.Is(err, errEnded) {
		if _, err := d.live(); err != nil {
			return nil, err
		}
		return nil, &sqlError{"engine-crashed", "this query crashed the engine that ran it, which was started again; no event is lost"}
	}
	return found, err
}

// run returns when the query has ended. If ctx is over and it does not end, it
// ends with its engine: DuckDB does not interrupt a call of a function.
func (d *database) run(ctx, asker context.Context, text string) (*result, error) {
	e, err := d.live()
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c := e.begin(callQuery, packed(text))
	select {
	case <-c.done:
	case <-ctx.Done():
		c.cancel()
		timer := time.NewTimer(d.grace)
		defer timer.Stop()
		select {
		case <-c.done:
		case <-d.stop:
		case <-timer.C:
			e.kill()
			<-e.ended
		}
		return nil, ctx.Err()
	}
	if c.err != nil {
		return nil, c.err
	}
	if len(c.parts[0]) > largeSize {
		select {
		case d.large <- struct{}{}:
			context.AfterFunc(asker, func() { <-d.large })
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-d.stop:
			return nil, errEnded
		}
	}
	u := unpacker{rest: c.parts[0]}
	return u.result()
}

func packed(text string) []byte {
	var p packer
	p.text(text)
	return p.data
}
