package otel

import (
	"time"

	"github.com/altertable-ai/altertable-go"
)

// A reading is what one collection reports of all clients.
type reading struct {
	stats          altertable.Stats  // what is now, of those that are not closed
	limits         altertable.Limits // of those that are not closed
	lastSuccessAge time.Duration
}

// read takes one snapshot of each client. clients is not empty.
func read(clients []observed) *reading {
	r := &reading{}
	for i := range clients {
		o := &clients[i]
		stats := o.client.Stats()
		r.addMessages(&stats)
		r.addRequests(&stats)
		if !stats.Closed {
			r.addGauges(&stats, &o.limits)
		}
		if age := o.lastSuccessAge(&stats); i == 0 || age < r.lastSuccessAge {
			r.lastSuccessAge = age
		}
	}
	return r
}

// lastSuccessAge returns how long ago a request last delivered. Before the first
// one it counts from Observe, so that a client that never gets through is seen.
func (o *observed) lastSuccessAge(stats *altertable.Stats) time.Duration {
	last := stats.LastSuccess
	if last.IsZero() {
		last = o.since
	}
	return max(0, time.Since(last))
}

func (r *reading) addMessages(s *altertable.Stats) {
	r.stats.Accepted += s.Accepted
	r.stats.Delivered += s.Delivered
	r.stats.Failed += s.Failed
	r.stats.Dropped += s.Dropped
	r.stats.Discarded += s.Discarded
	r.stats.RejectedFull += s.RejectedFull
	r.stats.RejectedTooLarge += s.RejectedTooLarge
	r.stats.RejectedInvalid += s.RejectedInvalid
	r.stats.RejectedClosed += s.RejectedClosed
	r.stats.RejectedSpool += s.RejectedSpool
}

func (r *reading) addRequests(s *altertable.Stats) {
	r.stats.Requests += s.Requests
	r.stats.Retries += s.Retries
	r.stats.RequestsUnauthorized += s.RequestsUnauthorized
	r.stats.RequestsNoEnvironment += s.RequestsNoEnvironment
	r.stats.RequestsLimited += s.RequestsLimited
	r.stats.RequestsRefused += s.RequestsRefused
	r.stats.RequestsErrored += s.RequestsErrored
	r.stats.RequestsUnanswered += s.RequestsUnanswered
}

// addGauges adds what is now. A closed client holds nothing that it will deliver:
// what it left on disk is in the numbers of the client that took it over, and its
// limits would make those of the others look far away.
func (r *reading) addGauges(s *altertable.Stats, l *altertable.Limits) {
	r.stats.Queued += s.Queued
	r.stats.QueuedBytes += s.QueuedBytes
	r.stats.InFlight += s.InFlight
	r.stats.SpoolBytes += s.SpoolBytes
	r.stats.Oldest = max(r.stats.Oldest, s.Oldest)
	r.limits.MaxQueueSize += l.MaxQueueSize
	r.limits.MaxQueueBytes += l.MaxQueueBytes
	r.limits.MaxInFlight += l.MaxInFlight
	r.limits.SpoolMaxBytes += l.SpoolMaxBytes
}
