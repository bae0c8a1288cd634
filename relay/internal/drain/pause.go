package drain

import (
	"errors"

	altertable "github.com/altertable-ai/altertable-go"
)

// Why a tenant or an environment is paused, as the metric says it. The last is the
// API's code as well.
const (
	reasonUnauthorized = "unauthorized"
	reasonRefused      = "refused"
	reasonEnvironment  = "environment-not-found"
)

// pause ends the session, since the API refuses the account and not the event.
func (s *session) pause(err error) {
	reason := reasonRefused
	var api *altertable.APIError
	if errors.Is(err, altertable.ErrUnauthorized) || errors.As(err, &api) && ofKey(api.Code) {
		reason = reasonUnauthorized
	}
	s.end(paused, reason)
	if s.d.showPaused(reason) {
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

// noteDelivery notes that the API took messages, and, if the account is not refused
// since, that it takes what comes.
func (d *Drain) noteDelivery(refused bool) {
	d.mu.Lock()
	d.last = now()
	waits := d.paused != "" && !refused
	d.mu.Unlock()
	if waits && d.showPaused("") {
		d.log.Info("relay: the API takes this tenant's messages again")
	}
}

// showPaused tells Status and the metric why the tenant is paused, "" if it is not. It
// reports whether that is news.
func (d *Drain) showPaused(reason string) (news bool) {
	d.mu.Lock()
	before := d.paused
	d.paused = reason
	d.mu.Unlock()
	if before == reason {
		return false
	}
	if before != "" {
		d.o.Metrics.Paused(d.o.Tenant, before, false)
	}
	if reason != "" {
		d.o.Metrics.Paused(d.o.Tenant, reason, true)
	}
	return true
}
