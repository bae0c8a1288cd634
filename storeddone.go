package altertable

import (
	"cmp"
	"slices"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// storedDones are the functions that wait for the outcome of messages that are on
// disk alone. They stay in memory, and their messages' numbers may change. It
// belongs to the disk and is guarded by queue.mu.
type storedDones map[spool.Ref]storedDone

type storedDone struct {
	done        func(error)
	number      uint64 // for the order
	endpoint    endpoint
	environment string
}

// add notes e's done, if it has one.
func (s *storedDones) add(e *envelope, ref spool.Ref, number uint64) {
	if e.done == nil {
		return
	}
	if *s == nil {
		*s = storedDones{}
	}
	(*s)[ref] = storedDone{e.done, number, e.endpoint, string(e.environment)}
}

// take takes the done of a message that is in memory from now on.
func (s storedDones) take(ref spool.Ref) func(error) {
	stored, ok := s[ref]
	if !ok {
		return nil
	}
	delete(s, ref)
	return stored.done
}

// takeFile takes all of a file, in the order of acceptance.
func (s storedDones) takeFile(file spool.Ref) []storedDone {
	return s.takeIf(file.SameFile)
}

func (s storedDones) takeIf(due func(spool.Ref) bool) (taken []storedDone) {
	for ref, stored := range s {
		if due(ref) {
			taken = append(taken, stored)
			delete(s, ref)
		}
	}
	slices.SortFunc(taken, func(a, b storedDone) int { return cmp.Compare(a.number, b.number) })
	return taken
}

// error is what the done is told when the message is lost.
func (s *storedDone) error(err error) error {
	return &DeliveryError{Endpoint: s.endpoint.String(), Environment: s.environment, Count: 1, Err: err}
}

// allDonesLocked takes the dones of all messages that have no outcome.
func (d *disk) allDonesLocked() (all dones) {
	for _, b := range d.q.places.allIdle() {
		for i := b.gone; i < len(b.dones); i++ {
			if done := b.dones[i]; done != nil {
				all = append(all, done)
			}
		}
		b.dones = nil
	}
	for _, stored := range d.dones.takeIf(func(spool.Ref) bool { return true }) {
		all = append(all, stored.done)
	}
	return all
}
