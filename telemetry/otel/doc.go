// Package otel exports the numbers of an altertable.Client as OpenTelemetry
// metrics, and puts the ids of spans on events. It is imported beside
// OpenTelemetry's own package of that name as altertableotel. Metrics take three
// lines:
//
//	collector := altertableotel.NewCollector()
//	client, err := altertable.New(key, collector.Option())
//	collector.Observe(client)
//
// # Metrics
//
// All have the meter of this package's import path. These are observed at each
// collection, from one snapshot (altertable.Client.Stats and Limits), so that the
// numbers of a collection add up as those of Stats do:
//
//	altertable.client.messages.accepted        counter          {message}
//	altertable.client.messages.delivered       counter          {message}
//	altertable.client.messages.failed          counter          {message}
//	altertable.client.messages.dropped         counter          {message}
//	altertable.client.messages.discarded       counter          {message}
//	altertable.client.messages.rejected        counter          {message}  reason: full, too_large, invalid, closed, spool
//	altertable.client.requests                 counter          {request}
//	altertable.client.requests.failed          counter          {request}  reason: unauthorized, no_environment, limited, refused, errored, unanswered
//	altertable.client.requests.retried         counter          {request}
//	altertable.client.queue.messages           up-down counter  {message}
//	altertable.client.queue.messages_limit     gauge            {message}
//	altertable.client.queue.size               up-down counter  By
//	altertable.client.queue.size_limit         gauge            By
//	altertable.client.queue.oldest_age         gauge            s
//	altertable.client.requests.in_flight       up-down counter  {request}
//	altertable.client.requests.in_flight_limit gauge            {request}
//	altertable.client.spool.size               up-down counter  By         0 without a spool
//	altertable.client.spool.size_limit         gauge            By         0 without a spool
//	altertable.client.last_success_age         gauge            s          since the last request that delivered, before the first since Observe
//
// An idle client's last_success_age grows as well, so an alert combines it with
// oldest_age. With a spool, the queue's numbers include what is on disk and may
// exceed the queue's limits.
//
// Two histograms are recorded at each outcome of a batch, by Collector.Option:
//
//	altertable.client.delivery.duration        histogram        s          endpoint, outcome
//	altertable.client.batch.messages           histogram        {message}  endpoint, outcome
//
// endpoint is track, identify or alias; outcome is delivered or lost. Messages
// that no request carried have no duration. Attributes never hold an id, an
// event's name or a key, and their number is bounded. OpenTelemetry's exporter for
// Prometheus makes of these names the ones of the module telemetry/prometheus, so
// one dashboard serves both.
//
// # Several clients
//
// A Collector that observes several clients reports their sums; of the ages it
// reports the largest oldest_age and the smallest last_success_age. To tell
// clients apart, give each a Collector of its own, WithClientName. Several
// Collectors on one MeterProvider with the same name, or none, share their
// time series: counters and up-down counters are added up, and of a gauge the
// value of one Collector is kept. Let one Collector observe all of these clients
// instead.
//
// # Traces
//
// TraceContext puts the ids of the caller's span on events. There is deliberately
// no propagator of who acts: a propagator does not know the peer that it writes to
// or reads from, and a service must not take a person's id from anybody, or hand
// it to anybody. docs/operations.md shows the two lines by which a service does so
// for a peer that it authenticates.
package otel
