package e2e

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// An id names a row. The number is the property or the trait n, and what is behind
// the last hyphen of an alias's new_user_id.
type id struct {
	endpoint string
	n        int
}

// An entry is a message that the server has stored.
type entry struct {
	id
	eventID string
	person  string
	at      time.Time
	arrived time.Time
}

// A ledger has what the server stored, in that order.
type ledger struct {
	news
	mu      sync.Mutex
	entries []entry
}

func (l *ledger) observe(c altertabletest.Change) {
	e, ok := parse(c)
	if !ok {
		return
	}
	l.mu.Lock()
	l.entries = append(l.entries, e)
	l.mu.Unlock()
	l.tell()
}

func parse(c altertabletest.Change) (entry, bool) {
	switch {
	case c.Event != nil:
		eventID, _ := c.Event.Properties["$event_id"].(string)
		return entry{id: id{"track", number(c.Event.Properties)}, eventID: eventID, at: c.Event.Timestamp, arrived: c.Event.ReceivedAt}, true
	case c.Update == nil:
		return entry{}, false
	}
	u := c.Update
	e := entry{person: u.Environment + "/" + u.DistinctID, at: u.Timestamp, arrived: u.ReceivedAt}
	e.id = id{"identify", number(u.Traits)}
	if u.Alias {
		e.id = id{"alias", -1}
		if n, err := strconv.Atoi(u.NewUserID[strings.LastIndexByte(u.NewUserID, '-')+1:]); err == nil {
			e.n = n
		}
	}
	return e, true
}

func number(members map[string]any) int {
	if n, ok := members["n"].(float64); ok {
		return int(n)
	}
	return -1
}

// stored is how many messages there are, copies included.
func (l *ledger) stored() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// awaitStored waits until there are so many messages, and reports false if the process
// ended before.
func (l *ledger) awaitStored(p *process, target int) bool {
	p.t.Helper()
	return l.await(p.t, p.ended, func() bool { return l.stored() >= target })
}

// A verdict is what became of the rows.
type verdict struct {
	missing, unknown, copies int
	wrongOrder               int // identifies that came, for the first time, after one of the person with a later time or number
	early                    int // tracks that came before the last identify or alias did
	sharedIDs                int // different rows with one $event_id
	otherIDs                 int // copies whose $event_id is another, or none
	noIDs                    int // tracks without one
}

// verdict compares with the rows that should be there.
func (l *ledger) verdict(rows map[id]bool) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	var v verdict
	seen := map[id]entry{}
	byEventID := map[string]id{}
	last := map[string]entry{}
	tracks := 0
	for _, e := range l.entries {
		if first, ok := seen[e.id]; ok {
			v.copies++
			if first.eventID != e.eventID {
				v.otherIDs++
			}
			continue
		}
		seen[e.id] = e
		if !rows[e.id] {
			v.unknown++
		}
		switch e.endpoint {
		case "track":
			tracks++
			if _, ok := byEventID[e.eventID]; e.eventID == "" {
				v.noIDs++
			} else if ok {
				v.sharedIDs++
			}
			byEventID[e.eventID] = e.id
			continue
		case "identify":
			if before, ok := last[e.person]; ok && (e.n < before.n || !e.at.After(before.at)) {
				v.wrongOrder++
			}
			last[e.person] = e
		}
		v.early += tracks
		tracks = 0
	}
	for row := range rows {
		if _, ok := seen[row]; !ok {
			v.missing++
		}
	}
	return v
}

// require fails the test unless all rows are there, with so many copies at most, in
// the order that was promised. It returns the number of copies.
func (l *ledger) require(t *testing.T, rows map[id]bool, mostCopies int) int {
	t.Helper()
	v := l.verdict(rows)
	copies := v.copies
	assert.LessOrEqual(t, copies, mostCopies, "copies")
	v.copies = 0
	assert.Equal(t, verdict{}, v)
	return copies
}
