package drain

import (
	"time"
)

// Status is what a Drain does now.
type Status struct {
	Leads        []string  `json:"leads"`                  // consumers that this relay drains
	Paused       string    `json:"paused,omitempty"`       // why the API takes nothing of this tenant
	Missing      []string  `json:"missing,omitempty"`      // environments that do not exist: the first 16
	MissingCount int       `json:"missing_count,omitzero"` // of all of them
	Held         int       `json:"held"`                   // messages outside the stream
	Last         time.Time `json:"last_delivery,omitzero"`
}

// Status may be called by any goroutine.
func (d *Drain) Status() Status {
	d.mu.Lock()
	s := Status{Leads: []string{}, Paused: d.paused, Last: d.last}
	session := d.session
	d.mu.Unlock()
	s.Missing, s.MissingCount = d.missing.names()
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
