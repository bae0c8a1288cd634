// Package deliver sends the rows of a stage, notes what was delivered, and keeps
// what was refused.
package deliver

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	_ "golang.org/x/time/rate"

	_ "github.com/altertable-ai/altertable-go"

	"github.com/altertable-ai/altertable-go/importer/internal/reject"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

// Options are where and how fast.
type Options struct {
	Key, BaseURL, Environment string
	InsecureHTTP              bool
	Rate                      float64 // messages a second; 0: as fast as the API takes them
	Logger                    *slog.Logger
}

// Counters move while Run runs. Any goroutine may read them.
type Counters struct {
	Done     atomic.Int64 // positions with an outcome, those of earlier runs included
	Refused  atomic.Int64 // of these
	Bytes    atomic.Int64 // delivered by this run
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

// Run sends what the state has not noted: identifies first, and tracks only when
// every identify and alias has its outcome. When ctx ends, it takes no more rows
// and waits until what is in flight has its outcome, until stop ends. The error
// says why it ended early: the API refuses the key, or all requests; a file
// cannot be written. What is not noted then will be sent by the next run.
func Run(ctx, stop context.Context, rows *stage.Stage, st *state.State, rejects *reject.File, o Options, c *Counters) (Result, error) {
	return Result{}, errors.New("not built")
}
