package deadletter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// How much is under way at a time.
const (
	groupLetters = 64
	groupBytes   = 4 << 20
	answers      = 30 * time.Second // of the broker, for one group
	grace        = 2 * time.Second  // once the caller's context has ended
	deleters     = 8
)

// Replay publishes every chosen letter on its tenant's stream again, oldest first,
// and then deletes it. Letters that arrive during the call are left, so what is
// refused again does not go round. It returns how many were sent.
//
// After an error, also that of a killed process, replay again: nothing is lost, and
// what was sent and not deleted has the same id the next time, so within the
// stream's duplicate window it is not stored twice. The same holds for two replays
// at the same time. When a stream is full the error is ErrFull, and the letters that
// did not go are still there. One that cannot be sent, since it is of no endpoint
// or larger than the broker takes, is left, and the error says so at the end.
func (s *Store) Replay(ctx context.Context, f Filter) (int, error) {
	tenants, err := s.chosen(f)
	if err != nil {
		return 0, err
	}
	sent := 0
	var errs []error
	for _, tenant := range tenants {
		f.Tenant = tenant
		n, err := s.replay(ctx, f)
		sent += n
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return sent, errors.Join(errs...)
}

// replay replays the letters of one tenant.
func (s *Store) replay(ctx context.Context, f Filter) (int, error) {
	stream, err := s.stream(ctx, f.Tenant)
	if err != nil {
		return 0, err
	}
	r := replayer{js: s.js, stream: stream, to: broker.Stream(f.Tenant), all: f.choosesAll()}
	err = newReader(stream, f.Tenant, f, false, r.add(ctx)).read(ctx)
	if err == nil {
		err = r.send(ctx)
	}
	switch {
	case errors.Is(err, ErrFull):
		err = fmt.Errorf("tenant %q: %d dead letters were sent again, the others are kept: %w: replay again when the API has taken some of it",
			f.Tenant, r.sent, err)
	case err != nil:
		err = fmt.Errorf("tenant %q: %d dead letters were sent again: %w: replay again for the others", f.Tenant, r.sent, err)
	case r.left > 0:
		err = fmt.Errorf("tenant %q: %d dead letters cannot be sent and are kept: they are %w: purge them",
			f.Tenant, r.left, r.why)
	}
	return r.sent, err
}

// A replayer sends the letters of one tenant, in groups.
type replayer struct {
	js     jetstream.JetStream
	stream jetstream.Stream // of the letters
	to     string           // name of the tenant's stream
	all    bool             // every letter is chosen
	group  []*stored
	bytes  int
	sent   int
	left   int
	why    error // of the last that was left
}

// add returns what takes a letter and sends a group when it is large enough.
func (r *replayer) add(ctx context.Context) func(*stored) error {
	return func(l *stored) error {
		if !isEndpoint(l.Endpoint) {
			r.leave(fmt.Errorf("of an endpoint that is %w", ErrUnknown))
			return nil
		}
		r.group = append(r.group, l)
		if r.bytes += len(l.bytes); len(r.group) < groupLetters && r.bytes < groupBytes {
			return nil
		}
		return r.send(ctx)
	}
}

func (r *replayer) leave(why error) { r.left, r.why = r.left+1, why }

// send publishes the group in order, and deletes what the broker has taken.
func (r *replayer) send(ctx context.Context) error {
	if err := ctx.Err(); err != nil || len(r.group) == 0 {
		return err
	}
	ctx, cancel := lingering(ctx)
	defer cancel()
	futures := make([]jetstream.PubAckFuture, len(r.group))
	for i, l := range r.group {
		var err error
		if futures[i], err = r.js.PublishMsgAsync(l.again(), jetstream.WithExpectStream(r.to)); err != nil {
			futures[i] = refused{err: err}
		}
	}
	var taken []uint64
	var failed error
	for i, future := range futures {
		switch err := settled(ctx, future); {
		case err == nil:
			taken = append(taken, r.group[i].Sequence)
		case errors.Is(err, ErrTooLarge):
			r.leave(err)
		case failed == nil:
			failed = err
		}
	}
	r.sent += len(taken)
	failed = errors.Join(failed, r.delete(ctx, taken, len(r.group)))
	r.group, r.bytes = r.group[:0], 0
	return failed
}

// lingering returns a context that outlives ctx a little, since what the broker has
// taken and is not deleted would be sent twice.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), answers)
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(grace):
			cancel()
		}
	})
	return longer, func() { stop(); cancel() }
}

// refused is the future of what was not published.
type refused struct {
	jetstream.PubAckFuture
	err error
}

func (f refused) Ok() <-chan *jetstream.PubAck { return nil }

func (f refused) Err() <-chan error {
	c := make(chan error, 1)
	c <- f.err
	return c
}

// settled waits for the broker's answer.
func settled(ctx context.Context, future jetstream.PubAckFuture) error {
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err():
		return refusal(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// delete deletes letters of the group. Each delete waits for the disk, so where no
// earlier letter is left on the stream they are deleted at once.
func (r *replayer) delete(ctx context.Context, sequences []uint64, group int) error {
	if r.all && r.left == 0 && len(sequences) == group {
		return r.stream.Purge(ctx, jetstream.WithPurgeSequence(sequences[group-1]+1))
	}
	d := newDeleter(ctx, r.stream)
	for _, sequence := range sequences {
		_ = d.delete(sequence) // wait has the error
	}
	_, err := d.wait()
	return err
}
