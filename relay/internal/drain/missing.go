package drain

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mostMissing = 10_000 // environments that are known to be missing: more than two lanes can hold messages
	mostNamed   = 16     // of these, in Status and in the log
	mostAsked   = 16     // that are asked for in the time between two questions for the same one
	mostOfName  = 64     // bytes
)

// environments are those of a tenant that do not exist, as far as is known. They outlive
// a graceful restart. Whoever may publish events chooses their names: what is kept of one
// is small, and so is the number of requests that it costs.
type environments struct {
	some atomic.Bool

	mu    sync.Mutex // guards what follows, and what it holds
	of    map[uint64]*environment
	turns []*environment // those with a sample, in the order in which they are asked for
	next  time.Time      // nothing is asked for before
}

// An environment is missing. One of its events is sent now and then to find out whether
// it still is.
type environment struct {
	name   string // its beginning
	sample sample
	due    time.Time
	back   bool // it exists by now: its messages come again in the next session
}

// A sample is where on the stream an event is.
type sample struct {
	endpoint string
	sequence uint64 // of its message; 0: there is no sample
	id       msgID
	item     int
	events   int // of that message
}

func newEnvironments() *environments { return &environments{of: map[uint64]*environment{}} }

func keyOf(name string) uint64 { return maphash.String(seeds[0], name) }

// any reports whether there is one: events need no look then.
func (m *environments) any() bool { return m.some.Load() }

func (m *environments) has(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[keyOf(name)] != nil
}

// asksFor reports whether an environment is missing and has a sample. While it has none,
// its events go to the core, which brings them back in their order: a person's first
// one must be the sample.
func (m *environments) asksFor(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.of[keyOf(name)]
	return e != nil && e.sample.sequence != 0
}

// note notes that an environment is missing.
func (m *environments) note(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noteLocked(name)
}

// noteLocked returns nil if there are too many.
func (m *environments) noteLocked(name string) *environment {
	e := m.of[keyOf(name)]
	if e == nil && len(m.of) < mostMissing {
		e = &environment{name: strings.Clone(name[:min(len(name), mostOfName)])}
		m.of[keyOf(name)] = e
		m.some.Store(true)
	}
	return e
}

// add notes that the environment of an event is missing. It reports how many are asked
// for by now, if this one is new.
func (m *environments) add(name string, of sample, due time.Time) (count int, news bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.noteLocked(name)
	if e == nil || e.sample.sequence != 0 {
		return len(m.turns), false
	}
	e.sample, e.due = of, due
	m.turns = append(m.turns, e)
	return len(m.turns), true
}

// due takes the environment that is to be asked for now, or returns how long until then.
func (m *environments) due() (e *environment, long time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.turns) == 0 {
		return nil, time.Hour
	}
	e = m.turns[0]
	if long = max(time.Until(e.due), time.Until(m.next)); long > 0 {
		return nil, long
	}
	m.turns[0] = nil
	m.turns = m.turns[1:]
	return e, 0
}

// stays notes that an environment is missing as before, or that nobody knows. Its turn
// comes again when the others have had theirs, but not within the pause.
func (m *environments) stays(e *environment, pause time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	e.due, m.next = now.Add(pause), now.Add(pause/mostAsked)
	m.turns = append(m.turns, e)
}

// returned notes that an environment exists. Its messages stay parked until the next
// session brings them in order.
func (m *environments) returned(e *environment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.back = true
}

// removeReturned forgets those that exist by now.
func (m *environments) removeReturned() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, e := range m.of {
		if e.back {
			delete(m.of, key)
		}
	}
	m.some.Store(len(m.of) > 0)
}

func (m *environments) removeAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.of)
	m.turns = nil
	m.some.Store(false)
}

// names returns the first names in their order, and how many there are.
func (m *environments) names() (first []string, count int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.of {
		if !e.back {
			first = append(first, e.name)
		}
	}
	slices.Sort(first)
	return first[:min(len(first), mostNamed)], len(first)
}
