// Package prometheus exports the numbers of an [altertable.Client] as Prometheus
// metrics. It is imported beside client_golang's package of that name as
// altertableprom. Metrics take three lines, and the registration that every
// collector has:
//
//	collector := altertableprom.NewCollector()
//	registry.MustRegister(collector)
//	client, err := altertable.New(key, collector.Option())
//	collector.Observe(client)
//
// # Metrics
//
// All names begin with altertable_client_. These are made at each scrape, from one
// snapshot of each client ([altertable.Client.Stats] and Limits), so the numbers of a
// scrape add up as those of Stats do:
//
//	messages_accepted_total            counter  messages taken into the queue or the spool
//	messages_delivered_total           counter  messages that the server took
//	messages_failed_total              counter  messages given up after a final answer, or after too long a time
//	messages_dropped_total             counter  messages evicted by DropOldest, left in memory at shutdown, or lost on disk
//	messages_discarded_total           counter  messages discarded by BeforeSend or for want of consent
//	messages_rejected_total{reason}    counter  messages refused at the call, by reason
//	requests_total                     counter  requests begun
//	requests_failed_total{reason}      counter  requests that ended without a success, by reason
//	requests_retried_total             counter  requests that repeat a failed one
//	queue_messages                     gauge    messages without an outcome yet, in memory or on disk
//	queue_messages_limit               gauge    WithMaxQueueSize
//	queue_size_bytes                   gauge    their size, as JSON
//	queue_size_limit_bytes             gauge    WithMaxQueueBytes
//	queue_oldest_age_seconds           gauge    age of the oldest message without an outcome, 0 if there is none
//	requests_in_flight                 gauge    requests under way
//	requests_in_flight_limit           gauge    WithMaxInFlight; synchronous calls may exceed it
//	spool_size_bytes                   gauge    the spool's files, 0 without a spool
//	spool_size_limit_bytes             gauge    SpoolMaxBytes, 0 without a spool
//	last_success_age_seconds           gauge    time since the last request that delivered, or, before the first, since Observe
//
// Two histograms are fed at each outcome of a batch, by [Collector.Option], which
// also says their buckets:
//
//	delivery_duration_seconds{endpoint, outcome}   from a batch's first request to its outcome, waits included
//	batch_messages{endpoint, outcome}              messages of a batch
//
// Messages that no request carried, such as evicted ones, have no duration; they
// are in batch_messages, as pieces of the size in which they were given up.
//
// So the sum of batch_messages with the outcome delivered is messages_delivered_total,
// and with lost it is messages_failed_total and messages_dropped_total, a callback's
// time later. Only messages lost on disk are in no batch.
//
// The values of the labels:
//
//	reason of messages_rejected_total
//	    full            ErrQueueFull: the queue or the spool had no room
//	    too_large       ErrTooLarge
//	    invalid         *ValidationError
//	    closed          ErrClosed
//	    spool           *SpoolError: the disk failed
//	reason of requests_failed_total
//	    unauthorized    the key was refused
//	    no_environment  the environment does not exist
//	    limited         429: too many requests
//	    refused         any other final answer, such as a 422 or a redirect
//	    errored         5xx, 408, 425, a firewall's 403 or a captive portal's page
//	    unanswered      no answer came
//	endpoint            of the histograms: track, identify, alias
//	outcome             of the histograms: delivered; lost: given up or dropped, and told to OnError
//	client              of all: WithClientName; without it there is no such label
//	environment         of the histograms: WithEnvironments; without it there is no such label
//
// The age of the last success also grows while a service has nothing to send, so
// an alert combines it with the oldest age. With a spool the queue's numbers include
// what is on disk, and may exceed the queue's limits: compare the spool's instead.
// The oldest age is of what the client works on. With SpoolWriteOnly it works on
// nothing: the age is 0, and queue_messages is all that it wrote, delivered by
// another client or not.
//
// The alerts and the dashboard of docs/operations.md are written for these names.
//
// # Time series
//
// A Collector has 238 time series: 28 of Stats, and 210 of the histograms, whose
// labels have 6 sets of values with 35 time series each. [WithEnvironments] with n
// names makes it 28 + 210 * (n + 1). That never grows: no label holds an id, an
// event's name, a key or whatever else a message brings. The environment is a label
// only if asked for, and then one of the names or "other", since it may come from
// a user's input.
//
// All of them are there from the first scrape after Observe, with 0. For rate and
// increase that matters: they do not see the first step of a time series that begins
// with it. What happens before that scrape is not seen either.
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
// Gauges are about the clients that are not closed: the sum, of queue_oldest_age_seconds
// the largest. Only last_success_age_seconds is the smallest of all clients. What a
// closed client left in its spool is for another client to deliver, which counts it,
// as accepted once more.
//
// To tell clients apart, give each a Collector of its own, all on one registry:
//
//	orders := altertableprom.NewCollector(altertableprom.WithClientName("orders"))
//	audit := altertableprom.NewCollector(altertableprom.WithClientName("audit"))
//	registry.MustRegister(orders, audit)
//
// Two Collectors without a name, or with the same one, have the same time series.
// Registry.Register refuses the second one with a prometheus.AlreadyRegisteredError,
// "duplicate metrics collector registration attempted", and MustRegister panics
// with that. A Collector without a name beside one that has a name is refused as
// well, as label names have to be the same: "has different label names or a
// different help string". [WithClientName] on each of them is the remedy for both; or,
// if nobody wants to tell the clients apart, one Collector for all of them.
// The second error also comes if only one of them has [WithEnvironments].
//
// # Tests
//
// A client of a testing/synctest bubble may be scraped from anywhere. Outside of
// the bubble its ages say nothing, as the clocks differ.
package prometheus
