package drain

import "time"

// miss notes that an event waits for its environment.
func (s *session) miss(h *held, i int, name string) {
	of := sample{endpoint: h.endpoint, sequence: h.sequence, id: h.id, item: i, events: h.events}
	switch count, news := s.d.missing.add(name, of, time.Now().Add(s.d.pauseFor)); {
	case !news:
	case count > mostNamed:
		s.d.warn("missing", "relay: many environments do not exist; their messages stay on the stream, and the drain tries them in turn", "environments", count)
	default:
		s.d.log.Warn("relay: the environment does not exist; its messages stay on the stream, and the drain tries again", "environment", name[:min(len(name), mostOfName)])
		s.d.sayMissing()
		s.askSoon()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil {
		h.missing++
		s.parkLocked(h)
	}
}

// parkLocked parks a message if nothing but missing environments keeps it.
func (s *session) parkLocked(h *held) {
	if h.parked || h.missing == 0 || h.missing < h.remaining {
		return
	}
	h.parked = true
	s.parked++
	h.lane.used -= h.bytes
	h.lane.active--
	s.movedLocked()
}

// forgetMissing forgets the environments that exist by now, and, unless the lead is
// kept, the others: another relay may have asked meanwhile.
func (d *Drain) forgetMissing(leads bool) {
	if leads {
		d.missing.removeReturned()
	} else {
		d.missing.removeAll()
	}
	d.sayMissing()
}

// sayMissing tells the metric whether an environment is missing.
func (d *Drain) sayMissing() {
	d.o.Metrics.Paused(d.o.Tenant, reasonEnvironment, d.missing.any())
}
