package stage

import (
	"context"
	"database/sql"
	"sync"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// Read gives yield the rows from position on, in order, in chunks; it makes the
// messages of some chunks ahead. It ends with yield's error, if there is one. The
// rows are yield's to keep.
func (s *Stage) Read(ctx context.Context, position int64, yield func([]record.Row) error) error {
	if position < 0 || position >= s.Messages {
		return ctx.Err()
	}
	first, err := s.group(ctx, position)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reader{s: s, ctx: ctx, next: first, work: make(chan job, ahead)}
	defer r.workers.Wait()
	defer close(r.work)
	defer cancel()
	if err := r.start(); err != nil {
		return err
	}
	var numberer message.Numberer
	for {
		rows, err := r.rows()
		if err != nil || rows == nil {
			return err
		}
		done := make([]record.Row, 0, len(rows))
		for i := range rows {
			if row := numberer.Number(&rows[i]); row.Position >= position {
				done = append(done, row)
			}
		}
		if len(done) == 0 {
			continue
		}
		if err := yield(done); err != nil {
			return err
		}
	}
}

// How many goroutines make messages, and how many chunks are in the making or
// ready while yield works on another one.
const (
	readers = 2
	ahead   = 3
)

// A reader makes messages of chunks in parallel, and returns them in order.
type reader struct {
	s       *Stage
	ctx     context.Context
	next    int64 // the first position that is in no job
	jobs    []job // in order, up to ahead
	work    chan job
	workers sync.WaitGroup
}

// A job is a chunk. done gets one result.
type job struct {
	chunk
	done chan result
}

type result struct {
	rows []message.Mapped
	err  error
}

func (r *reader) start() error {
	for range readers {
		conn, err := r.s.db.Conn(r.ctx)
		if err != nil {
			return sentence(r.ctx, "DuckDB does not answer", err)
		}
		r.workers.Go(func() { r.run(conn) })
	}
	return nil
}

func (r *reader) run(conn *sql.Conn) {
	defer func() { _ = conn.Close() }()
	for j := range r.work {
		if r.ctx.Err() != nil {
			j.done <- result{err: context.Cause(r.ctx)}
			continue
		}
		rows, err := r.s.mapChunk(r.ctx, conn, j.chunk)
		j.done <- result{rows, err}
	}
}

// rows returns the next chunk, or nil at the end.
func (r *reader) rows() ([]message.Mapped, error) {
	for len(r.jobs) < ahead && r.next < r.s.Messages {
		c, err := r.s.chunk(r.ctx, r.next)
		if err != nil {
			return nil, err
		}
		j := job{chunk: c, done: make(chan result, 1)}
		r.jobs, r.next = append(r.jobs, j), c.to
		r.work <- j
	}
	if len(r.jobs) == 0 {
		return nil, nil
	}
	j := r.jobs[0]
	r.jobs = r.jobs[1:]
	select {
	case result := <-j.done:
		return result.rows, result.err
	case <-r.ctx.Done():
		return nil, context.Cause(r.ctx)
	}
}
