package server

import (
	"slices"
	"sync"
)

// turns lets readers queries run at a time, or one thing alone. Who waits has its
// turn in the order of arrival, except what is urgent: an apply does not wait for
// all the queries that do.
type turns struct {
	mu      sync.Mutex
	taken   int // places of readers
	waiting []*turn
}

type turn struct {
	places int
	begins chan struct{} // closed when it does
}

// take waits for a number of places, and reports false if done was closed before
// it had them.
func (t *turns) take(places int, urgent bool, done <-chan struct{}) (release func(), ok bool) {
	own := &turn{places, make(chan struct{})}
	t.mu.Lock()
	if urgent {
		t.waiting = slices.Insert(t.waiting, 0, own)
	} else {
		t.waiting = append(t.waiting, own)
	}
	t.nextLocked()
	t.mu.Unlock()
	select {
	case <-own.begins:
		return func() { t.give(own) }, true
	case <-done:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, own); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	} else { // it began just now
		t.taken -= places
	}
	t.nextLocked()
	return nil, false
}

func (t *turns) give(own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken -= own.places
	t.nextLocked()
}

// nextLocked lets begin whoever has its turn.
func (t *turns) nextLocked() {
	for len(t.waiting) > 0 && t.taken+t.waiting[0].places <= readers {
		t.taken += t.waiting[0].places
		close(t.waiting[0].begins)
		t.waiting = slices.Delete(t.waiting, 0, 1)
	}
}
