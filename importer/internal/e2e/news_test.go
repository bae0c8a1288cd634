package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A news wakes whoever waits for a change of what its owner's lock guards. The zero
// value is ready.
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

// await returns true when is does, and false if ended is closed before. It asks at
// every change.
func (n *news) await(t *testing.T, ended <-chan struct{}, is func() bool) bool {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		changed := n.changes()
		if is() {
			return true
		}
		select {
		case <-changed:
		case <-ended:
			return is()
		case <-timer.C:
			require.FailNow(t, "waited in vain")
		}
	}
}
