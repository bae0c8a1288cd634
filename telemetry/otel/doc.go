// Package otel exports the numbers of an [altertable.Client] as OpenTelemetry
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
// All names begin with altertable.client. and the meter is named after this
// package's import path. These are made at each collection, from one snapshot of
// each client ([altertable.Client.Stats] and Limits), so the numbers of a collection
// add up as those of Stats do:
//
//	messages.accepted         counter          {message}  messages taken into the queue or the spool
//	messages.delivered        counter          {message}  messages that the server took
//	messages.failed           counter          {message}  messages given up after a final answer, or after too long a time
//	messages.dropped          counter          {message}  messages evicted by DropOldest, left in memory at shutdown, or lost on disk
//	messages.discarded        counter          {message}  messages discarded by BeforeSend or for want of consent
//	messages.rejected         counter          {message}  messages refused at the call, by reason
//	requests                  counter          {request}  requests begun
//	requests.failed           counter          {request}  requests that ended without a success, by reason
//	requests.retried          counter          {request}  requests that repeat a failed one
//	queue.messages            up-down counter  {message}  messages without an outcome yet, in memory or on disk
//	queue.messages_limit      gauge            {message}  WithMaxQueueSize
//	queue.size                up-down counter  By         their size, as JSON
//	queue.size_limit          gauge            By         WithMaxQueueBytes
//	queue.oldest_age          gauge            s          age of the oldest message without an outcome, 0 if there is none
//	requests.in_flight        up-down counter  {request}  requests under way
//	requests.in_flight_limit  gauge            {request}  WithMaxInFlight; synchronous calls may exceed it
//	spool.size                up-down counter  By         the spool's files, 0 without a spool
//	spool.size_limit          gauge            By         SpoolMaxBytes, 0 without a spool
//	last_success_age          gauge            s          time since the last request that delivered, or, before the first, since Observe
//
// Two histograms are fed at each outcome of a batch, by [Collector.Option], which
// also says their buckets:
//
//	delivery.duration         histogram        s          from a batch's first request to its outcome, waits included
//	batch.messages            histogram        {message}  messages of a batch
//
// Messages that no request carried, such as evicted ones, have no duration; they
// are in batch.messages, as pieces of the size in which they were given up.
//
// So the sum of batch.messages with the outcome delivered is messages.delivered, and
// with lost it is messages.failed and messages.dropped, a callback's time later. Only
// messages lost on disk are in no batch.
//
// The values of the attributes:
//
//	reason of messages.rejected
//	    full            ErrQueueFull: the queue or the spool had no room
//	    too_large       ErrTooLarge
//	    invalid         *ValidationError
//	    closed          ErrClosed
//	    spool           *SpoolError: the disk failed
//	reason of requests.failed
//	    unauthorized    the key was refused
//	    no_environment  the environment does not exist
//	    limited         429: too many requests
//	    refused         any other final answer, such as a 422 or a redirect
//	    errored         5xx, 408, 425, a firewall's 403 or a captive portal's page
//	    unanswered      no answer came
//	endpoint            of the histograms: track, identify, alias
//	outcome             of the histograms: delivered; lost: given up or dropped, and told to OnError
//	client              of all: WithClientName; without it there is no such attribute
//	environment         of the histograms: WithEnvironments; without it there is no such attribute
//
// The age of the last success also grows while a service has nothing to send, so
// an alert combines it with the oldest age. With a spool the queue's numbers include
// what is on disk, and may exceed the queue's limits: compare the spool's instead.
// The oldest age is of what the client works on. With SpoolWriteOnly it works on
// nothing: the age is 0, and queue.messages is all that it wrote, delivered by
// another client or not.
//
// OpenTelemetry's exporter for Prometheus makes of these names those of the module
// telemetry/prometheus, altertable_client_messages_accepted_total and so on. So the
// alerts and the dashboard of docs/operations.md serve both.
//
// # Time series
//
// A Collector has 28 time series of Stats, and up to 12 of the histograms.
// [WithEnvironments] with n names makes the latter up to 12 * (n + 1). That never
// grows: no attribute holds an id, an event's name, a key or whatever else a message
// brings. The environment is an attribute only if asked for, and then one of the
// names or "other", since it may come from a user's input.
//
// The 28 are there from the first collection after Observe, with 0. Those of the
// histograms begin with their first batch.
//
// # Several clients
//
// A Collector may observe several clients, one after the other or at the same time.
// Counters are their sums, and a closed client stays in them. So where a key is
// rotated, the new client takes over the counters of the one that it replaces, and
// these never go back:
//
//	next, err := altertable.New(newKey, collector.Option())
//	collector.Observe(next)
//	err = client.Close()
//
// Up-down counters and gauges are about the clients that are not closed: the sum,
// of queue.oldest_age the largest. Only last_success_age is the smallest of all
// clients. What a closed client left in its spool is for another client to deliver,
// which counts it, as accepted once more.
//
// To tell clients apart, give each a Collector of its own, all on one MeterProvider:
//
//	orders := altertableotel.NewCollector(altertableotel.WithClientName("orders"))
//	audit := altertableotel.NewCollector(altertableotel.WithClientName("audit"))
//
// Two Collectors of one MeterProvider without a name, or with the same one, have
// the same time series, and no error says so: counters, up-down counters and
// histograms are added up, but of a gauge there is the value of one of them, so
// limits and ages are wrong. [WithClientName] on each of them is the remedy; or, if
// nobody wants to tell the clients apart, one Collector for all of them.
//
// # Traces
//
// With [TraceContext] events carry the ids of the span in which they happened, so
// that a query joins the two. Without it they carry none.
//
// There is deliberately no propagator of who acts. A propagator does not know its
// peer: it would hand a person's id to any server that is called, and believe any
// client that sends one. docs/operations.md shows the two lines by which a service
// hands the ids to a peer that it authenticates.
//
// # Tests
//
// A client of a testing/synctest bubble may be collected from anywhere. Outside of
// the bubble its ages say nothing, as the clocks differ.
package otel
