package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// A Worker hands the rows of the outbox to the client, in the order of their
// ids, and deletes each one once its message is delivered. A row that the
// platform refuses stays, marked, for a person to look at. All others stay until
// they are delivered.
//
// To end it well, let the handlers end, cancel Run's context, wait for Run, and
// call Finish.
//
// One process may run one worker. Two workers on one outbox lose nothing, but
// send each row twice. Where a service has several replicas, let one of them
// work, which also keeps the order of a person's identifies: in Postgres, the
// one that gets pg_try_advisory_lock. Or let each claim the rows that it sends:
// a column claimed_until, set for a few minutes in the rows that
// SELECT ... WHERE claimed_until < now() ORDER BY id FOR UPDATE SKIP LOCKED
// returns. The lock itself ends with its transaction, long before the delivery.
type Worker struct {
	db     *sql.DB
	client *altertable.Client

	limit int           // rows under way at a time; fewer than the client's queue holds
	poll  time.Duration // between looks at the outbox if nobody calls Wake, and after trouble

	wake     chan struct{}
	outcomes chan outcome // has room for limit, so that who sends to it never waits

	// Owned by Run's goroutine, and after it by Finish's.
	pending map[int64]bool // rows that were enqueued and not settled
	told    []outcome      // received and not yet written to the database
	paused  bool           // nothing is enqueued until the next tick
}

// An outcome is what became of a row's message.
type outcome struct {
	id  int64
	err error
}

// NewWorker returns a worker that has not started. Its client may be one that
// handlers use as well. It should have WithEventIDs, so that a query counts an
// event once, even if it was sent twice. It must not have DropOldest, which
// breaks the order of what the worker has enqueued.
func NewWorker(db *sql.DB, client *altertable.Client) *Worker {
	const limit = 1000
	return &Worker{
		db: db, client: client, limit: limit, poll: 5 * time.Second,
		wake: make(chan struct{}, 1), outcomes: make(chan outcome, limit), pending: make(map[int64]bool),
	}
}

// Wake tells the worker that a transaction with Add was committed. It does not
// block. The next look at the outbox would find the row as well, but later.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it was told already
	}
}

// Run works until ctx ends, and then returns nil; or until the client is closed,
// and then returns altertable.ErrClosed. Trouble with the database or with the
// platform is logged, and Run goes on after a while. Call it once.
func (w *Worker) Run(ctx context.Context) error {
	tick := time.NewTicker(w.poll)
	defer tick.Stop()
	for {
		err := w.settle(ctx)
		if err == nil && !w.paused {
			err = w.enqueue(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, altertable.ErrClosed):
			return err
		case err != nil && !errors.Is(err, altertable.ErrQueueFull): // there the next outcome makes room
			w.pause(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case o := <-w.outcomes:
			w.told = append(w.told, o)
		case <-w.wake:
		case <-tick.C:
			w.paused = false
		}
	}
}

// Finish ends a worker whose Run has returned. It enqueues what was committed
// last, shuts the client down, which delivers until ctx ends, and deletes the
// rows of what was delivered, which may take some seconds more. What is left then
// is sent when the next process runs a worker. It returns the errors of all three.
func (w *Worker) Finish(ctx context.Context) error {
	var err error
	if !w.paused {
		err = w.enqueue(ctx)
	}
	err = errors.Join(err, w.client.Shutdown(ctx))
	// Shutdown may have used up ctx, and a row that is not deleted is sent again.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, w.settle(last))
}

// pause keeps a platform or a database that is in trouble from being asked again
// at once.
func (w *Worker) pause(err error) {
	if !w.paused {
		slog.Warn("outbox: trouble, the rows stay and are sent later", "error", err)
	}
	w.paused = true
}

// enqueue hands rows to the client until none is left or limit are under way.
// Reading from the first row on each time finds also one whose transaction took
// its id early and was committed late, which a database with several writers has.
func (w *Worker) enqueue(ctx context.Context) error {
	if len(w.pending) == w.limit {
		return nil
	}
	rows, err := w.read(ctx)
	if err != nil {
		return fmt.Errorf("read outbox: %w", err)
	}
	for _, row := range rows {
		if w.pending[row.id] {
			continue
		}
		if len(w.pending) == w.limit {
			break
		}
		// done runs on the goroutine of the client's callbacks, which must not wait for a database.
		done := func(err error) { w.outcomes <- outcome{row.id, err} }
		err := w.client.Enqueue(ctx, row.message, done)
		if refused(err) {
			done(err)
		} else if err != nil {
			return err
		}
		w.pending[row.id] = true
	}
	return nil
}

// A row is one of the outbox.
type row struct {
	id      int64
	message altertable.Raw
}

// read returns the first rows to send. Those under way are among them, so there
// is a new one among limit rows if there is one at all.
func (w *Worker) read(ctx context.Context) (found []row, err error) {
	rows, err := w.db.QueryContext(ctx,
		`SELECT id, endpoint, message FROM outbox WHERE refused IS NULL ORDER BY id LIMIT ?`, w.limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.message.Endpoint, (*[]byte)(&r.message.JSON)); err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, rows.Err()
}

// settle writes the outcomes that the client has told so far to the database, in
// one transaction. It does not wait for more, and can be repeated after an error.
func (w *Worker) settle(ctx context.Context) error {
	for len(w.outcomes) > 0 {
		w.told = append(w.told, <-w.outcomes)
	}
	if len(w.told) == 0 {
		return nil
	}
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("settle outbox: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	for _, o := range w.told {
		switch {
		case o.err == nil:
			_, err = tx.ExecContext(ctx, `DELETE FROM outbox WHERE id = ?`, o.id)
		case refused(o.err):
			_, err = tx.ExecContext(ctx, `UPDATE outbox SET refused = ? WHERE id = ?`, o.err.Error(), o.id)
		}
		if err != nil {
			return fmt.Errorf("settle outbox: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("settle outbox: %w", err)
	}
	for _, o := range w.told {
		delete(w.pending, o.id)
		if o.err != nil && !refused(o.err) {
			w.pause(o.err)
		}
	}
	w.told = w.told[:0]
	return nil
}

// refused reports whether err blames the message itself, so that no later attempt
// can succeed. Any other error, a wrong key or a missing environment or the end of
// Shutdown's context, says nothing of the message: its row is sent again.
func refused(err error) bool {
	var invalid *altertable.ValidationError
	if errors.As(err, &invalid) || errors.Is(err, altertable.ErrTooLarge) {
		return true
	}
	var answer *altertable.APIError
	if !errors.As(err, &answer) || errors.Is(err, altertable.ErrEnvironmentNotFound) {
		return false
	}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}
