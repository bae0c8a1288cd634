package deliver

import (
	"cmp"
	"slices"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// next says what is sent next: a row that has to be sent again, else row, which may be
// nil. Both nil is row's turn, or with nil for row that all have their outcome. With a
// channel, which is closed at the next change, it has to be asked again.
func (l *ledger) next(row *record.Row, group int64) (again *record.Row, wake <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.again) > 0 {
		if again = l.nextAgainLocked(group); again == nil {
			return nil, l.awaitLocked()
		}
		return again, nil
	}
	l.stuck = l.isStuckLocked(row, group)
	switch {
	case l.stuck && row != nil && l.pending == 0:
		l.trustLocked() // else nothing would change any more
		fallthrough
	case l.stuck:
		l.tell()
		return nil, l.awaitLocked()
	case row == nil || row.Reason != "":
	case !l.mayGoLocked(row, group):
		return nil, l.awaitLocked()
	default:
		l.people.enter(row, group)
	}
	return nil, nil
}

// nextAgainLocked takes the first row that may be sent again, nil if there is none. One
// that waits for its person's older identify does not hold up the others: what becomes
// of them shows whether the older one is at fault.
func (l *ledger) nextAgainLocked(group int64) *record.Row {
	held := make(map[string]bool) // people with an older identify that waits
	for i, row := range l.again {
		group, alone := group, l.isolateLocked(row)
		if alone {
			group = -1 - row.Position // of its own
		}
		if held[row.Person] || !l.mayGoLocked(row, group) {
			held[row.Person] = true
			continue
		}
		l.again = slices.Delete(l.again, i, i+1)
		l.handed = 1
		l.people.enter(row, group)
		l.beginTrialLocked(row, alone)
		return row
	}
	return nil
}

// hasAgain reports whether there are rows that have to be sent again.
func (l *ledger) hasAgain() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.again) > 0
}

// isStuckLocked reports whether a row has to wait for the outcome of others, and with
// nil whether there are others.
func (l *ledger) isStuckLocked(row *record.Row, group int64) bool {
	switch {
	case row == nil:
		return l.pending > 0
	case len(l.slots) >= maxWindow, l.heldSize >= maxHeld && len(l.slots) > 0:
		return true
	}
	return row.Reason == "" && row.Endpoint == record.Identify && !l.people.admit(row, group)
}

// sendAgainLocked has a row sent again, before those that come later.
func (l *ledger) sendAgainLocked(row *record.Row) {
	i, _ := slices.BinarySearchFunc(l.again, row.Position, func(r *record.Row, p int64) int { return cmp.Compare(r.Position, p) })
	l.again = slices.Insert(l.again, i, row)
}

// mayGoLocked reports whether a row may be handed to the client. When its queue is
// full the client lets half a batch go, and a group would be in two.
func (l *ledger) mayGoLocked(row *record.Row, group int64) bool {
	return row.Endpoint != record.Identify || l.pending < inFlight*l.batchSize && l.people.admit(row, group)
}
