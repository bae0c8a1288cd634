package otel

import (
	"time"

	"github.com/altertable-ai/altertable-go"
)

// prefix begins the names of all metrics.
const prefix = "altertable.client."

// A snapshot is the numbers of one client at one collection.
type snapshot struct {
	altertable.Stats
	altertable.Limits
	lastSuccessAge time.Duration
}

// isClosed reports whether the client is closed, or nil. What it has left on disk is
// in the numbers of the client that took it over.
func (s *snapshot) isClosed() bool { return s.Limits == altertable.Limits{} }

// A family is the metrics of one name, which are one instrument.
type family struct {
	name, unit, description string
	of                      kind
	parts                   []part
}

// A kind says which instrument it is, and how the numbers of several clients
// become one.
type kind int

const (
	counter       kind = iota // the sum over all clients, so that it never goes back
	upDownCounter             // the sum over the clients that are not closed
	gauge                     // the same sum, of limits
	largest                   // a gauge of seconds: the largest over the clients that are not closed
	smallest                  // a gauge of seconds: the smallest over all clients
)

// A part is one time series of a family.
type part struct {
	reason string                // the attribute's value; "" if the family has no attribute
	number func(*snapshot) int64 // of ages in nanoseconds
}

// families are all metrics that are made from Stats and Limits.
var families = []family{
	{"messages.accepted", "{message}", "Messages taken into the queue or the spool.", counter,
		count(func(s *snapshot) int64 { return s.Accepted })},
	{"messages.delivered", "{message}", "Messages that the server took.", counter,
		count(func(s *snapshot) int64 { return s.Delivered })},
	{"messages.failed", "{message}", "Messages given up after a final answer of the server, or after too long a time.", counter,
		count(func(s *snapshot) int64 { return s.Failed })},
	{"messages.dropped", "{message}", "Messages evicted from a full queue, left in memory at shutdown, or lost on disk.", counter,
		count(func(s *snapshot) int64 { return s.Dropped })},
	{"messages.discarded", "{message}", "Messages discarded by BeforeSend or for want of consent.", counter,
		count(func(s *snapshot) int64 { return s.Discarded })},
	{"messages.rejected", "{message}", "Messages refused at the call, by reason.", counter, []part{
		{"full", func(s *snapshot) int64 { return s.RejectedFull }},
		{"too_large", func(s *snapshot) int64 { return s.RejectedTooLarge }},
		{"invalid", func(s *snapshot) int64 { return s.RejectedInvalid }},
		{"closed", func(s *snapshot) int64 { return s.RejectedClosed }},
		{"spool", func(s *snapshot) int64 { return s.RejectedSpool }},
	}},
	{"requests", "{request}", "Requests begun.", counter,
		count(func(s *snapshot) int64 { return s.Requests })},
	{"requests.failed", "{request}", "Requests that ended without a success, by reason.", counter, []part{
		{"unauthorized", func(s *snapshot) int64 { return s.RequestsUnauthorized }},
		{"no_environment", func(s *snapshot) int64 { return s.RequestsNoEnvironment }},
		{"limited", func(s *snapshot) int64 { return s.RequestsLimited }},
		{"refused", func(s *snapshot) int64 { return s.RequestsRefused }},
		{"errored", func(s *snapshot) int64 { return s.RequestsErrored }},
		{"unanswered", func(s *snapshot) int64 { return s.RequestsUnanswered }},
	}},
	{"requests.retried", "{request}", "Requests that repeat a failed one.", counter,
		count(func(s *snapshot) int64 { return s.Retries })},

	{"queue.messages", "{message}", "Messages accepted that have no outcome yet, in memory or on disk.", upDownCounter,
		count(func(s *snapshot) int64 { return s.Queued })},
	{"queue.messages_limit", "{message}", "Most messages that the queue may hold in memory.", gauge,
		count(func(s *snapshot) int64 { return s.MaxQueueSize })},
	{"queue.size", "By", "Size of the messages that have no outcome yet, in bytes of JSON, in memory or on disk.", upDownCounter,
		count(func(s *snapshot) int64 { return s.QueuedBytes })},
	{"queue.size_limit", "By", "Most bytes of messages that the queue may hold in memory.", gauge,
		count(func(s *snapshot) int64 { return s.MaxQueueBytes })},
	{"queue.oldest_age", "s", "Age in seconds of the oldest message that has no outcome yet, 0 if there is none.", largest,
		age(func(s *snapshot) time.Duration { return s.Oldest })},
	{"requests.in_flight", "{request}", "Requests under way.", upDownCounter,
		count(func(s *snapshot) int64 { return s.InFlight })},
	{"requests.in_flight_limit", "{request}", "Most requests that may be under way, synchronous calls not counted.", gauge,
		count(func(s *snapshot) int64 { return s.MaxInFlight })},
	{"spool.size", "By", "Size of the spool's files in bytes, 0 without a spool.", upDownCounter,
		count(func(s *snapshot) int64 { return s.SpoolBytes })},
	{"spool.size_limit", "By", "Most bytes that the spool's files may have, 0 without a spool.", gauge,
		count(func(s *snapshot) int64 { return s.SpoolMaxBytes })},
	{"last_success_age", "s", "Seconds since the last request that delivered, or, before the first one, since Observe.", smallest,
		age(func(s *snapshot) time.Duration { return s.lastSuccessAge })},
}

// count and age return the one part of a family without an attribute.
func count(of func(*snapshot) int64) []part { return []part{{number: of}} }

func age(of func(*snapshot) time.Duration) []part {
	return []part{{number: func(s *snapshot) int64 { return int64(of(s)) }}}
}

// join returns one number for all clients.
func (k kind) join(number func(*snapshot) int64, clients []snapshot) int64 {
	var joined int64
	for i := range clients {
		s := &clients[i]
		switch n := number(s); {
		case k == smallest:
			if i == 0 || n < joined {
				joined = n
			}
		case s.isClosed() && k != counter:
		case k == largest:
			joined = max(joined, n)
		default:
			joined += n
		}
	}
	return joined
}
