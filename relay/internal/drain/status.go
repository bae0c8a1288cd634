package drain

import (
	"maps"
	"time"
)

// Status is what a Drain does now.
type Status struct {
	Leads  []string          `json:"leads"`            // consumers that this relay drains
	Paused map[string]string `json:"paused,omitempty"` // "tenant" or an environment, and why
	Held   int               `json:"held"`             // messages outside the stream
	Last   time.Time         `json:"last_delivery,omitzero"`
}

// Status may be called by any goroutine.
func (d *Drain) Status() Status {
	d.mu.Lock()
	s := Status{Leads: []string{}, Paused: maps.Clone(d.paused), Last: d.last}
	session := d.session
	d.mu.Unlock()
	for i, l := range d.leases {
		if l.left() > 0 {
			s.Leads = append(s.Leads, consumers[i])
		}
	}
	if session != nil {
		session.mu.Lock()
		s.Held = len(session.held)
		session.mu.Unlock()
	}
	return s
}

// now is the time without its monotonic reading, which JSON cannot hold.
func now() time.Time { return time.Now().Round(0) }
