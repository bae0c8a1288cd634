package drain

import (
	"errors"

	altertable "github.com/altertable-ai/altertable-go"
)

// Why a tenant or an environment is paused, as the metric says it.
const (
	reasonUnauthorized = "unauthorized"
	reasonRefused      = "refused"
	reasonEnvironment  = "environment-not-found"
)

const wholeTenant = "tenant" // in Status.Paused

// pause ends the session, since the API refuses the account and not the event.
func (s *session) pause(err error) {
	reason := reasonRefused
	var api *altertable.APIError
	if errors.Is(err, altertable.ErrUnauthorized) || errors.As(err, &api) && ofKey(api.Code) {
		reason = reasonUnauthorized
	}
	s.end(paused, reason)
	if s.d.showPaused(wholeTenant, reason, true) {
		text := "relay: the API refuses this tenant's requests; nothing is lost, the drain tries again every 30 s: is the base URL right?"
		if reason == reasonUnauthorized {
			text = "relay: the API refuses the key; nothing is lost, the drain tries again every 30 s: replace the key"
		}
		s.d.log.Error(text, "error", causeOf(err))
	}
}

// causeOf returns what the API said, without the core's words about the loss of messages.
func causeOf(err error) error {
	var api *altertable.APIError
	if errors.As(err, &api) {
		return api
	}
	return err
}

// noteDelivery notes that the API takes messages.
func (d *Drain) noteDelivery() {
	d.mu.Lock()
	d.last = now()
	why, waits := d.paused[wholeTenant]
	d.mu.Unlock()
	if waits {
		d.showPaused(wholeTenant, why, false)
		d.log.Info("relay: the API takes this tenant's messages again")
	}
}

// showPaused tells Status and the metric. It reports whether that is news.
func (d *Drain) showPaused(what, reason string, on bool) (news bool) {
	d.mu.Lock()
	before := d.paused[what]
	if on {
		d.paused[what] = reason
	} else {
		delete(d.paused, what)
	}
	others := false // the metric has one series for all environments
	for _, why := range d.paused {
		others = others || why == reason
	}
	d.mu.Unlock()
	d.o.Metrics.Paused(d.o.Tenant, reason, others)
	if on && before != "" && before != reason {
		d.o.Metrics.Paused(d.o.Tenant, before, false)
	}
	return (before == reason) != on
}
