package deadletter

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// Purge deletes every chosen letter, and returns how many. Letters that arrive during
// the call are left. Without a code and a time it is quick however many there are.
func (s *Store) Purge(ctx context.Context, f Filter) (int, error) {
	tenants, err := s.chosen(f)
	if err != nil {
		return 0, err
	}
	purged := 0
	for _, tenant := range tenants {
		f.Tenant = tenant
		n, err := s.purge(ctx, f)
		purged += n
		if err != nil {
			return purged, err
		}
	}
	return purged, nil
}

func (s *Store) purge(ctx context.Context, f Filter) (int, error) {
	stream, err := s.stream(ctx, f.Tenant)
	if err != nil {
		return 0, err
	}
	purged := 0
	if f.choosesAll() {
		state := stream.CachedInfo().State
		if err = stream.Purge(ctx, jetstream.WithPurgeSequence(state.LastSeq+1)); err == nil {
			purged = int(state.Msgs)
		}
	} else {
		purged, err = s.purgeChosen(ctx, stream, f)
	}
	if err != nil {
		return purged, fmt.Errorf("tenant %q: %d dead letters were purged: %w: purge again for the others", f.Tenant, purged, err)
	}
	return purged, nil
}

// choosesAll reports whether the filter chooses all of a tenant's letters.
func (f *Filter) choosesAll() bool { return f.Code == "" && f.Since.IsZero() }

func (s *Store) purgeChosen(ctx context.Context, stream jetstream.Stream, f Filter) (int, error) {
	d := newDeleter(ctx, stream)
	err := newReader(stream, f.Tenant, f, true, func(l *stored) error { return d.delete(l.Sequence) }).read(ctx)
	purged, failed := d.wait()
	return purged, errors.Join(err, failed)
}

// A deleter deletes letters, some at the same time.
type deleter struct {
	ctx    context.Context
	stream jetstream.Stream
	free   chan struct{}
	wg     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	deleted int
	failed  error // the first
}

func newDeleter(ctx context.Context, stream jetstream.Stream) *deleter {
	return &deleter{ctx: ctx, stream: stream, free: make(chan struct{}, deleters)}
}

// delete begins to delete a letter, as soon as there are few enough under way. It
// returns the error of an earlier one.
func (d *deleter) delete(sequence uint64) error {
	d.free <- struct{}{}
	d.wg.Go(func() {
		d.note(d.stream.DeleteMsg(d.ctx, sequence), sequence)
		<-d.free
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// note counts one. A letter that somebody else has deleted is none of ours, and no failure.
func (d *deleter) note(err error, sequence uint64) {
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		if _, found := d.stream.GetMsg(d.ctx, sequence); errors.Is(found, jetstream.ErrMsgNotFound) {
			return
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.deleted++
	} else if d.failed == nil {
		d.failed = err
	}
}

// wait returns how many letters are deleted, once all have been tried.
func (d *deleter) wait() (int, error) {
	d.wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.deleted, d.failed
}
