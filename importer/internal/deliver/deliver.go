// Package deliver sends the rows of a stage, notes what was delivered, and keeps
// what was refused.
//
// The way of a row: feed reads it, has it noted that its position may be sent, and
// hands it to the client. The client's callbacks tell the ledger what became of it.
// The keeper writes what the ledger has learned into the file of rejects, and then
// into the state. So a process killed at any instant has noted nothing that did
// not happen, and what it has not noted is sent again.
//
// Rejects are written in the order of the rows, and only when all rows before them
// have their outcome. Behind state.Next the state has delivered rows alone.
package deliver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/reject"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

// Rows are what is sent; a *stage.Stage is.
type Rows interface {
	// Read gives yield the rows from position on, in order, without gaps.
	Read(ctx context.Context, position int64, yield func([]record.Row) error) error
}

// Options are where and how fast.
type Options struct {
	Key, BaseURL, Environment string // BaseURL and Environment: empty for the client's default
	InsecureHTTP              bool
	Rate                      float64 // messages a second; 0: as fast as the API takes them
	Logger                    *slog.Logger

	batchSize  int          // messages of a request; 0: record.RequestMessages, tests have less
	httpClient *http.Client // nil: the client's own, tests have others
}

// Counters move while Run runs. Any goroutine may read them.
type Counters struct {
	Done     atomic.Int64 // positions with an outcome, those of earlier runs included
	Refused  atomic.Int64 // of these
	InFlight atomic.Int64 // messages that wait for an outcome
}

// A Result is what became of the rows, in this run and those before it.
type Result struct {
	Delivered   int64
	Earlier     int64            // of these, by earlier runs
	Rejected    map[string]int64 // by reason
	Duplicates  int64            // messages that may have been delivered twice
	Bytes       int64
	Seconds     float64
	Finished    bool // every position has an outcome
	Interrupted bool // ctx ended
}

const (
	// GracePeriod is how long Run waits for what is in flight when it ends early.
	GracePeriod = 30 * time.Second
	// lastAnswers is the same where the API refuses what is sent.
	lastAnswers = 5 * time.Second
)

// Run sends what the state has not noted: identifies first, and tracks only when
// every identify and alias has its outcome. When ctx ends, it takes no more rows
// and waits until what is in flight has its outcome, until stop ends, or for
// GracePeriod. A state that is finished already is told as it is, and nothing is read.
// With nil for rejects, they are counted and kept nowhere.
//
// The error says why it ended early: the API refuses the key, or all requests; a
// file cannot be written; rows cannot be read. What is not noted then will be sent
// by the next run. The Result is valid in any case. Run calls st.Finish, and closes
// neither st nor rejects.
func Run(ctx, stop context.Context, rows Rows, st *state.State, rejects *reject.File, o Options, c *Counters) (Result, error) {
	if c == nil {
		c = new(Counters)
	}
	b := newBook(st, rejects)
	c.Done.Add(b.done())
	c.Refused.Add(b.refused())
	if st.Next() >= st.Messages() {
		err := st.Finish()
		return b.result(err == nil), err
	}
	if o.batchSize == 0 {
		o.batchSize = record.RequestMessages
	}
	r := &run{options: o, rows: rows, counters: c, book: b}
	if err := r.start(ctx, st); err != nil {
		result := b.result(false)
		if result.Interrupted = ctx.Err() != nil && errors.Is(err, context.Cause(ctx)); result.Interrupted {
			err = nil
		}
		return result, err
	}
	err := r.feed()
	err = r.end(ctx, stop, err)
	interrupted := errors.Is(err, errInterrupted)
	if interrupted {
		err = nil
	}
	finished := err == nil && st.Next() >= st.Messages()
	if finished {
		err = st.Finish()
		finished, interrupted = err == nil, false
	}
	result := b.result(finished)
	result.Interrupted = interrupted
	return result, err
}

const inFlight = 8 // requests
