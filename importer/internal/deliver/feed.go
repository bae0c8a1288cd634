package deliver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	altertable "github.com/altertable-ai/altertable-go"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

var errInterrupted = errors.New("interrupted")

// A run is one call of Run. Its fields are set by start, and then feed's.
type run struct {
	options  Options
	rows     Rows
	counters *Counters
	book     *book
	ledger   *ledger
	client   *altertable.Client
	single   *altertable.Client // sends each message in a request of its own

	ctx    context.Context // ends when no more rows are to be sent
	cancel context.CancelCauseFunc
	unbind func() bool
	keeper sync.WaitGroup
	over   chan struct{} // closed when the keeper is to end

	total    int64
	next     int64         // the position that is read next
	issued   int64         // positions below it are noted as under way
	ahead    []state.Range // delivered by earlier runs, from next on
	endpoint string        // of the phase
	crowd    group         // of the identifies
	limiter  *rate.Limiter // nil: without limit
	group    int           // messages that the limiter lets go at a time
	allowed  int           // of these, that may still go
}

// start makes the client and the keeper.
func (r *run) start(ctx context.Context, st *state.State) error {
	r.next, r.ahead, r.total = st.Next(), st.Ahead(), st.Messages()
	r.issued = r.next
	c, ok := parseChain(st.Last().Chain)
	if !ok && r.next > 0 {
		text, err := Verify(ctx, r.rows, r.next)
		if err != nil {
			return err
		}
		c, _ = parseChain(text)
	}
	r.ledger = newLedger(r.next, c, r.counters)
	if err := r.openClients(); err != nil {
		return err
	}
	if err := r.book.begin(c); err != nil {
		return errors.Join(err, r.client.Close(), r.single.Close())
	}
	r.ledger.failed, r.ledger.batchSize = r.failed, r.options.batchSize
	// A deadline would make the limiter give up before it is reached.
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	r.unbind = context.AfterFunc(ctx, func() { r.cancel(errInterrupted) })
	r.ledger.fail = func(err error) { r.cancel(r.options.stopping(err)) }
	r.setRate()
	r.over = make(chan struct{})
	r.keeper.Go(r.keep)
	return nil
}

// setRate lets messages go in groups, a tenth of a second's at a time.
func (r *run) setRate() {
	limit := r.options.Rate
	if !(limit > 0) || math.IsInf(limit, 1) {
		return
	}
	r.group = int(min(max(limit/10, 1), float64(r.options.batchSize)))
	r.limiter = rate.NewLimiter(rate.Limit(limit), r.group)
}

// keep is the keeper's goroutine: it notes what has happened.
func (r *run) keep() {
	for {
		select {
		case <-r.ledger.news:
			if err := r.book.enter(r.ledger.take()); err != nil {
				r.cancel(err)
				return
			}
		case <-r.over:
			return
		}
	}
}

// feed sends the rows. It returns nil when all of them have their outcome, or why
// it ended.
func (r *run) feed() error {
	err := r.rows.Read(r.ctx, r.next, func(rows []record.Row) error {
		for i := range rows {
			if err := r.send(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err == nil && r.next == r.total:
		err = r.settle()
	case err == nil:
		err = fmt.Errorf("there were %d messages to be sent, and only %d could be read", r.total, r.next)
	}
	if err != nil && r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return err
}

// send lets one row go, and waits until it may.
func (r *run) send(row *record.Row) error {
	switch {
	case row.Position != r.next || row.Position >= r.total:
		return fmt.Errorf("the row at position %d was read in the place of %d of %d", row.Position, r.next, r.total)
	case r.isAhead(row.Position):
		r.ledger.add(row, delivered)
		r.next++
		return nil
	case row.Reason != "":
		if err := r.room(row); err != nil {
			return err
		}
		r.next++
		r.ledger.add(row, refused)
		if r.next%(1<<14) == 0 { // each time costs a sync
			r.ledger.tell()
		}
		return nil
	}
	if row.Endpoint != r.endpoint {
		if err := r.settle(); err != nil {
			return err
		}
		r.endpoint = row.Endpoint
		r.ledger.trust(false)
	}
	if err := r.room(row); err != nil {
		return err
	}
	r.next++
	r.ledger.add(row, waiting)
	if err := r.issue(row.Position); err != nil {
		return err
	}
	return r.enqueue(row)
}

// isAhead reports whether an earlier run has delivered the position. Positions
// come in order.
func (r *run) isAhead(position int64) bool {
	for len(r.ahead) > 0 && r.ahead[0].Last < position {
		r.ahead = r.ahead[1:]
	}
	return len(r.ahead) > 0 && r.ahead[0].First <= position
}

// issue has it noted that the position may be sent, and those of two batches with
// it. A killed import counts them as possibly sent.
func (r *run) issue(position int64) error {
	if position < r.issued {
		return nil
	}
	r.issued = min(position+2*int64(r.options.batchSize), r.total)
	return r.book.issue(r.issued)
}

// pace waits until the rate lets a message go.
func (r *run) pace() error {
	if r.limiter == nil || r.allowed > 0 {
		return nil
	}
	r.allowed += r.group
	return r.limiter.WaitN(r.ctx, r.group)
}

// enqueue hands a message to the client, and waits until it has room.
func (r *run) enqueue(row *record.Row) error {
	client, c := r.clientFor(row)
	message := altertable.Raw{Endpoint: row.Endpoint, JSON: row.Message}
	r.allowed--
	r.ledger.sent(1)
	if client == r.client {
		r.join(row)
	}
	for {
		err := client.Enqueue(r.ctx, message, func(err error) { r.ledger.outcome(c, row, err) })
		if err == nil {
			return nil
		}
		var invalid *altertable.ValidationError
		switch full := errors.Is(err, altertable.ErrQueueFull); {
		case full && r.ctx.Err() == nil: // a log handler that does not return
			if err := r.pause(); err == nil {
				continue
			}
		case errors.As(err, &invalid), errors.Is(err, altertable.ErrTooLarge):
			r.ledger.sent(-1)
			r.ledger.refuse(row, reasonOf(err))
			return nil
		}
		r.ledger.sent(-1)
		return err
	}
}

func (r *run) pause() error {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// room waits until a row may be sent, and before it sends again what has to be.
func (r *run) room(row *record.Row) error {
	for {
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if row != nil && row.Reason == "" || r.ledger.hasAgain() {
			if err := r.pace(); err != nil { // a group would be too old after it
				return err
			}
		}
		r.makeRoom(row)
		again, wake := r.ledger.next(row, r.crowd.number)
		switch {
		case again != nil:
			if err := r.enqueue(again); err != nil {
				return err
			}
			continue
		case wake == nil:
			return nil
		}
		if row == nil {
			_ = r.client.Flush(r.ctx) // what it returns, the messages' outcomes say too
		}
		select {
		case <-wake:
		case <-r.ctx.Done():
		}
	}
}

// settle waits until all messages have their outcome.
func (r *run) settle() error {
	if err := r.room(nil); err != nil {
		return err
	}
	r.ledger.trust(true)
	return nil
}

// end ends the run after feed has returned cause.
func (r *run) end(ctx, stop context.Context, cause error) error {
	defer r.unbind()
	defer r.cancel(nil)
	patience := GracePeriod
	var stopping *stopError
	if errors.As(cause, &stopping) {
		patience = lastAnswers
	}
	if stop == nil {
		stop = context.Background()
	}
	limit, cancel := context.WithTimeout(stop, patience)
	defer cancel()
	r.shutDown(limit)
	unsure := r.ledger.awaitAll(lastAnswers)
	close(r.over)
	r.keeper.Wait()
	if cause == nil || errors.Is(cause, errInterrupted) {
		if late := context.Cause(r.ctx); late != nil && !errors.Is(late, errInterrupted) {
			cause = late // after feed has returned
		}
	}
	err := r.book.enter(r.ledger.take())
	if err == nil {
		err = r.book.end(unsure)
	}
	if cause == nil || errors.Is(cause, errInterrupted) && err != nil {
		return err
	}
	return cause
}
