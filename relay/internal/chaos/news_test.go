package chaos

import (
	"sync"
	"testing"
	"time"
)

// patience is for what has to come, on a machine that has other things to do: it finds
// what never comes, and measures nothing.
const patience = 5 * time.Minute

// A news wakes whoever waits for a change of what its owner's lock guards. The
// zero value is ready.
type news struct {
	mu sync.Mutex
	c  chan struct{} // closed at the next change
}

func (n *news) changes() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.c == nil {
		n.c = make(chan struct{})
	}
	return n.c
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.c != nil {
		close(n.c)
		n.c = nil
	}
}

// await fails the test unless is becomes true within the time. It asks at every change.
func (n *news) await(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	if !n.within(within, is) {
		t.Fatalf("not within %v: %s", within, what)
	}
}

func (n *news) within(d time.Duration, is func() bool) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		changed := n.changes()
		if is() {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return is()
		}
	}
}

// eventually is await for what tells nobody of its changes and has to be asked.
func eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	ask := time.NewTicker(20 * time.Millisecond)
	defer ask.Stop()
	for !is() {
		select {
		case <-ask.C:
		case <-timer.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// lasts is a fault that lasts so long, and no wait for anything.
func lasts(d time.Duration) { <-time.After(d) }
