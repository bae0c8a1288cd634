package drain

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	altertable "github.com/altertable-ai/altertable-go"
)

// An absence is an environment that does not exist. One of its events is sent now and then
// to find out whether it does by now.
type absence struct {
	name     string
	endpoint string
	event    json.RawMessage
	id       msgID // of the event's message
	item     int
	events   int // of that message
	due      time.Time
	back     bool // it exists by now: its messages come again in the next session
}

// absences are a tenant's missing environments. They outlive a graceful restart.
type absences struct {
	some atomic.Bool
	mu   sync.Mutex // guards of, and what it holds
	of   map[string]*absence
}

func newAbsences() *absences { return &absences{of: map[string]*absence{}} }

// any reports whether there is one: events need no look then.
func (a *absences) any() bool { return a.some.Load() }

func (a *absences) has(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[name] != nil
}

// add notes a missing environment, with an event of it. It is false if it was known.
func (a *absences) add(n *absence) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[n.name] != nil {
		return false
	}
	a.of[n.name] = n
	a.some.Store(true)
	return true
}

// returned notes that an environment exists. Its messages stay parked until the next
// session brings them in order.
func (a *absences) returned(n *absence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n.back = true
}

// removeReturned forgets those that exist by now.
func (a *absences) removeReturned() {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.of, func(_ string, n *absence) bool { return n.back })
	a.some.Store(len(a.of) > 0)
}

// removeAll returns the names of those that it removed.
func (a *absences) removeAll() (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range a.of {
		names = append(names, name)
	}
	clear(a.of)
	a.some.Store(false)
	return names
}

// due returns one that is to be asked for now, or how long until the next.
func (a *absences) due() (n *absence, long time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	long = time.Hour
	for _, n := range a.of {
		left := time.Until(n.due)
		switch {
		case n.back:
			continue
		case left <= 0:
			return n, 0
		}
		long = min(long, left)
	}
	return nil, long
}

// again notes that the environment is still missing, or that nobody knows.
func (a *absences) again(n *absence, due time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n.due = due
}

// block notes that an event waits for its environment. event may be nil if that is
// known to be missing.
func (s *session) block(h *held, i int, name string, event json.RawMessage) {
	if event != nil {
		n := &absence{name: name, endpoint: h.endpoint, event: event, id: h.id, item: i, events: h.events, due: time.Now().Add(s.d.pauseFor)}
		if s.d.absences.add(n) {
			s.d.log.Warn("relay: the environment does not exist; its messages stay on the stream, and the drain tries again", "environment", name)
			s.d.showPaused(name, reasonEnvironment, true)
			s.askSoon()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h.blocked++
	s.parkLocked(h)
}

// parkLocked parks a message if nothing but missing environments keeps it.
func (s *session) parkLocked(h *held) {
	if h.parked || h.blocked == 0 || h.blocked < h.remaining {
		return
	}
	h.parked = true
	s.parked++
	h.lane.used -= h.bytes
	h.lane.active--
	s.movedLocked()
}

// askForAbsent asks for missing environments when that is due, until ctx ends.
func (s *session) askForAbsent(ctx context.Context) {
	for ctx.Err() == nil {
		n, long := s.d.absences.due()
		if n != nil {
			s.askFor(n)
			continue
		}
		timer := time.NewTimer(long)
		select {
		case <-timer.C:
		case <-s.asks:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// askSoon has askForAbsent look again.
func (s *session) askSoon() {
	select {
	case s.asks <- struct{}{}:
	default:
	}
}

// askFor sends the event of a missing environment, by a client of its own: the
// session's sends nothing more to that environment.
func (s *session) askFor(n *absence) {
	outcome := make(chan error, 1)
	client, err := s.d.newClient(probe{s.fence}, func(altertable.Delivery) {})
	if err == nil {
		err = client.Enqueue(s.ctx, altertable.Raw{Endpoint: n.endpoint, JSON: n.event}, func(err error) { outcome <- err })
	}
	if err != nil { // the same was accepted before
		s.d.absences.again(n, time.Now().Add(s.d.pauseFor))
		return
	}
	_ = client.Flush(ended)
	select {
	case err = <-outcome:
		_ = client.Shutdown(ended)
	case <-s.ctx.Done():
		_ = client.Shutdown(ended)
		select {
		case err = <-outcome: // it came at the last moment
		default:
			return
		}
	}
	s.answered(n, err)
}

// answered judges what came of the event of a missing environment.
func (s *session) answered(n *absence, err error) {
	switch verdictOn(err) {
	case absent:
		s.d.absences.again(n, time.Now().Add(s.d.pauseFor))
		return
	case over:
		return
	case account:
		s.pause(err)
		return
	case done:
		s.settleProbe(n)
	case refused: // its message comes again, and it is refused again
	}
	s.d.absences.returned(n)
	s.d.showPaused(n.name, reasonEnvironment, false)
	s.d.log.Info("relay: the environment is there, its messages are delivered", "environment", n.name)
	s.end(again, "an environment is there")
}

// settleProbe notes that the event of a missing environment was delivered, whether its
// message is held or still to come.
func (s *session) settleProbe(n *absence) {
	s.mu.Lock()
	h := s.held[n.id]
	if h != nil {
		h.blocked--
	}
	s.mu.Unlock()
	if h == nil {
		s.d.progress.mark(n.id, n.item, n.events)
		return
	}
	s.settle(h, n.item)
}

// forgetAbsent forgets the missing environments: another relay may have asked meanwhile.
func (d *Drain) forgetAbsent() {
	for _, name := range d.absences.removeAll() {
		d.showPaused(name, reasonEnvironment, false)
	}
}
