package otel

import "time"

// prefix begins the names of all instruments.
const prefix = "altertable.client."

// A kind is a kind of observable instrument of whole numbers.
type kind int

const (
	counter kind = iota
	upDownCounter
	gauge
)

// A part is one time series of an instrument. Its value is that of one reading.
type part struct {
	reason string // "" if the instrument has one part only
	value  func(*reading) int64
}

// table are the instruments of whole numbers.
var table = []struct {
	kind                    kind
	name, unit, description string
	parts                   []part
}{
	{counter, "messages.accepted", "{message}", "Messages taken into the queue or the spool.", []part{
		{"", func(r *reading) int64 { return r.stats.Accepted }},
	}},
	{counter, "messages.delivered", "{message}", "Messages that the server took.", []part{
		{"", func(r *reading) int64 { return r.stats.Delivered }},
	}},
	{counter, "messages.failed", "{message}", "Messages given up after a final answer, or after too long a time.", []part{
		{"", func(r *reading) int64 { return r.stats.Failed }},
	}},
	{counter, "messages.dropped", "{message}", "Messages evicted from the queue, left at shutdown, or lost on disk.", []part{
		{"", func(r *reading) int64 { return r.stats.Dropped }},
	}},
	{counter, "messages.discarded", "{message}", "Messages discarded by BeforeSend or for want of consent.", []part{
		{"", func(r *reading) int64 { return r.stats.Discarded }},
	}},
	{counter, "messages.rejected", "{message}", "Messages refused at the call.", []part{
		{"full", func(r *reading) int64 { return r.stats.RejectedFull }},
		{"too_large", func(r *reading) int64 { return r.stats.RejectedTooLarge }},
		{"invalid", func(r *reading) int64 { return r.stats.RejectedInvalid }},
		{"closed", func(r *reading) int64 { return r.stats.RejectedClosed }},
		{"spool", func(r *reading) int64 { return r.stats.RejectedSpool }},
	}},
	{counter, "requests", "{request}", "Requests begun.", []part{
		{"", func(r *reading) int64 { return r.stats.Requests }},
	}},
	{counter, "requests.failed", "{request}", "Requests that ended without a success.", []part{
		{"unauthorized", func(r *reading) int64 { return r.stats.RequestsUnauthorized }},
		{"no_environment", func(r *reading) int64 { return r.stats.RequestsNoEnvironment }},
		{"limited", func(r *reading) int64 { return r.stats.RequestsLimited }},
		{"refused", func(r *reading) int64 { return r.stats.RequestsRefused }},
		{"errored", func(r *reading) int64 { return r.stats.RequestsErrored }},
		{"unanswered", func(r *reading) int64 { return r.stats.RequestsUnanswered }},
	}},
	{counter, "requests.retried", "{request}", "Requests that repeat a failed one.", []part{
		{"", func(r *reading) int64 { return r.stats.Retries }},
	}},
	{upDownCounter, "queue.messages", "{message}", "Messages accepted that have no outcome yet, in memory or on disk.", []part{
		{"", func(r *reading) int64 { return r.stats.Queued }},
	}},
	{gauge, "queue.messages_limit", "{message}", "Bound on the messages queued in memory.", []part{
		{"", func(r *reading) int64 { return r.limits.MaxQueueSize }},
	}},
	{upDownCounter, "queue.size", "By", "Size of the messages accepted that have no outcome yet, in memory or on disk.", []part{
		{"", func(r *reading) int64 { return r.stats.QueuedBytes }},
	}},
	{gauge, "queue.size_limit", "By", "Bound on the size of the messages queued in memory.", []part{
		{"", func(r *reading) int64 { return r.limits.MaxQueueBytes }},
	}},
	{upDownCounter, "requests.in_flight", "{request}", "Requests under way.", []part{
		{"", func(r *reading) int64 { return r.stats.InFlight }},
	}},
	{gauge, "requests.in_flight_limit", "{request}", "Bound on the requests under way, except for synchronous calls.", []part{
		{"", func(r *reading) int64 { return r.limits.MaxInFlight }},
	}},
	{upDownCounter, "spool.size", "By", "Size of the spool's files.", []part{
		{"", func(r *reading) int64 { return r.stats.SpoolBytes }},
	}},
	{gauge, "spool.size_limit", "By", "Bound on the size of the spool's files; 0 without a spool.", []part{
		{"", func(r *reading) int64 { return r.limits.SpoolMaxBytes }},
	}},
}

// tableOfAges are the instruments of seconds.
var tableOfAges = []struct {
	name, description string
	value             func(*reading) time.Duration
}{
	{"queue.oldest_age", "Age of the oldest message that the client works on; 0 if there is none.",
		func(r *reading) time.Duration { return r.stats.Oldest }},
	{"last_success_age", "Time since the last request that delivered.",
		func(r *reading) time.Duration { return r.lastSuccessAge }},
}
