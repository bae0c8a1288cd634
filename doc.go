// Package altertable sends product analytics to Altertable from a Go backend:
// who a user is ([Client.Identify]) and what happened ([Client.Track]).
//
//	client, err := altertable.NewFromEnv() // ALTERTABLE_API_KEY and others
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
//	err = client.Identify(ctx, altertable.Identify{
//		DistinctID: user.ID,
//		Traits:     altertable.Traits{"plan": "pro"},
//	})
//	err = client.Track(ctx, altertable.Track{
//		Event:      "plan_upgraded",
//		DistinctID: user.ID,
//		Properties: altertable.Properties{"seats": 5},
//	})
//
// # Life of a client
//
// Make one [Client] per process and share it. [NewFromEnv] reads the key and some
// settings from environment variables; [New] has all of them from code. The key is
// an ingestion key, which is found in the dashboard, https://altertable.ai/dashboard.
//
// Track, Identify and Alias encode the message on the calling goroutine, put it
// into a bounded queue in memory and return. They do no network I/O. They wait
// only where [WithOverflow] is given Block and the queue is full. Batches leave
// in the background when they are full or a second old. A failed request is
// tried again, with growing delays, for up to 24 hours. Before the process
// ends, [Client.Shutdown] or [Client.Close] delivers what is left.
//
// An error of these calls says that this message was not accepted, and why. In a
// handler it is usually logged and not returned: analytics must not fail a login.
//
// # Who acts
//
// What the visitor did in the browser before login is linked to the user by the
// anonymous id in the browser SDK's cookie. [Client.Middleware] puts it into the
// request's context. [ContextWithUser], called where your service authenticates,
// adds the user. [ContextWithProperties] adds what all events of the request have
// in common. A Track or Identify that names nobody is then about the user of its
// context, and a Track without a user is about the visitor:
//
//	err := client.Track(r.Context(), altertable.Track{Event: "search_performed"})
//
// A link between two ids cannot be undone. So the visitor's ids go only into
// messages about the person of the context, and into an Identify where the context
// has no user, as in a login handler. An administrator's handler names the customer
// in DistinctID, and so does not tie that person to the administrator's browser.
//
// Call Identify right after sign-up and login, and when a trait changes.
//
// # What is promised
//
// Every accepted message ends in one outcome: it is delivered, or it is
// reported to the function of [WithOnError] with its content. At any moment,
// [Stats] adds up: Accepted == Delivered + Failed + Dropped + Queued.
//
// What is still queued dies with the process, unless [WithSpool] keeps it on
// disk for the next one.
//
// A batch can arrive more than once if its answer was lost on the way, because
// the platform has no idempotency key. Each attempt that timed out may have
// been stored, and so may the batch's halves, if it is split. [WithEventIDs]
// lets a query count such an event once.
//
// The platform ignores an identify that is older than the one it has. So the
// identifies of one person are delivered in the order of acceptance, whatever
// fails, and the client's stamps strictly increase. Those of different people go
// in parallel. An identify that fails holds up its own person and, until its batch
// has been split, the people who share the batch.
//
// # The outcome of one message
//
// [Client.Enqueue] takes any [Message] and tells a function what became of it. A
// [Raw] is a message that is encoded already: one of [DeliveryError.Payloads] that
// is sent again, or an event of another SDK. [Client.Encode] returns the Raw that
// Enqueue would send, and queues nothing. An outbox stores it in the transaction
// that the event tells of.
//
// # When the server has trouble
//
// While nothing is delivered, the client waits as a whole, and one request at a
// time finds out whether the server is back. Where one endpoint fails and others
// deliver, only that endpoint waits. A batch that alone keeps failing waits on a
// schedule of its own. After three failures, each after others of its endpoint and
// environment were delivered, it is sent in halves, down to the message at fault.
// A rate limit is learnt from the answers with status 429, and kept.
//
// # In operation
//
// [Client.Stats] has the numbers to watch, and [Client.Limits] the bounds to compare
// them with. The modules telemetry/prometheus and telemetry/otel export both as
// metrics, and the latter puts the ids of spans on events. docs/operations.md has
// the alerts.
//
// # Tests
//
// Package altertabletest holds a server with the documented API and identity
// semantics, for tests of code that uses this package.
package altertable
