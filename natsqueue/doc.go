// Package natsqueue stores the batches of an altertable.Client on NATS JetStream,
// for services that run NATS already. The relay, the command altertable-relay of
// this repository, makes the stream and delivers what is on it.
//
//	nc, err := nats.Connect(url, natsqueue.ConnectOptions()...)
//	js, err := jetstream.New(nc)
//	client, err := altertable.New("unused",
//		altertable.WithHTTPClient(&http.Client{Transport: natsqueue.New(js, "acme")}),
//		altertable.WithMaxBatchBytes(1000<<10))
//	defer nc.Close()
//	defer client.Close() // runs first
//
// The client does all that it does over HTTP: its calls wait for nobody, its queue is
// bounded, it batches, retries and splits, keeps identifies of a person in order, and
// altertable.WithSpool works. Delivered, in its numbers and to its callbacks, means
// stored: acknowledged by the stream, on as many servers as that has replicas. So
// does the answer to a synchronous call, which does not wait until Altertable has the
// event. An event that Altertable refuses later is a dead letter of the relay's.
//
// # Setting it up
//
// Start a relay on the NATS servers, with --nats, and configure the tenant there; with
// one server instead of three, it needs --replicas 1. It makes stream ALTERTABLE_acme;
// no service has to. The name of the tenant is what
// separates one account of Altertable from another: the key that altertable.New is
// given is sent nowhere, and neither are the base URL nor other headers of a request.
// The relay has the real key. Any key will do for New, except that the browser SDK's
// cookie is named after the real one: give that to altertable.WithVisitorKey if you
// use altertable.Client.Middleware.
//
// NATS decides who may publish. A service needs these permissions and no others:
//
//	publish:   altertable.v1.acme.>
//	subscribe: _INBOX.>
//
// Messages go to altertable.v1.acme.track, .alias and .identify.0. Each is one batch:
// the JSON array of a request to the API, or the one object of a synchronous call.
// Headers are Nats-Msg-Id and Nats-Expected-Stream.
//
// [ConnectOptions] are what a connection needs to outlive the broker's absence; the
// connection may serve other purposes as well. Shut the client down before the
// connection is drained or closed: what is in its queue needs both.
//
// # The size of a batch
//
// A NATS server takes messages of up to max_payload, 1 MiB by default, headers
// included; a client's batches are up to 1 MiB without them. A batch over the limit is
// answered 413, and the client halves it until it fits, at the price of a request. So
// set altertable.WithMaxBatchBytes to 1000<<10, or, with another max_payload, to at
// least 1 KiB less than that. An event that alone is too large is reported to OnError.
// The stream takes up to 2 MiB, and so does the client's option.
//
// # Twice and never
//
// A message's id has a part that New makes and a hash of endpoint and body. It is the
// same each time that the client sends a batch again, so where the acknowledgement was
// lost the stream has the batch already, and stores it once: within its duplicate
// window, 2 minutes if the relay made it. The relay delivers none of the last 100,000
// ids again, however late. What remains is a process that was killed, whose spool
// another one delivers, and a batch that was stored without an acknowledgement and
// then split: both may arrive twice.
//
// Batches that are equal byte by byte, within the window and from one New, count as
// one. The client's stamps differ by a microsecond at least, so this is only about
// messages whose Timestamp you set: the same event twice, at the same moment, with
// the same properties. With altertable.WithEventIDs even two such tracks differ.
//
// # When the broker is away
//
// RoundTrip tries again within the time of a request, 5 seconds by default. Then the
// client waits as in any outage, and goes on when the broker is back. What it logs
// names one of these codes; altertable.APIError has a sentence, in Message.
//
//	not-connected       503  no NATS server is reached, or takes the credentials
//	connection-closed   503  the connection was closed or drained before the client
//	no-stream           503  the relay has not made the stream, in this account
//	other-stream        503  another stream has the tenant's subjects
//	stream-full         503  the relay does not drain it, or MaxBytes is too small
//	no-acknowledgement  503  the stream has no leader, or is too slow
//	not-permitted       503  the NATS user may not publish to the subjects
//	refused-N           503  the server refused it, with that error of the JetStream API
//	publish-failed      503  an error of nats.go
//	no-jetstream        503  New was given nil
//	invalid-tenant      503  New was given a name that no tenant has
//	payload-too-large   413  see above
//
// All but the last keep the messages in the client. Requests that are none of the
// client's are answered 404, 405 or 400.
//
// # This, the relay, or a spool
//
//   - A spool (altertable.WithSpool) is for services with a disk that outlives the
//     process. It needs nothing else to run.
//   - The relay over HTTP is for fleets without such disks, in any language: a service
//     sets ALTERTABLE_BASE_URL and has no new dependency.
//   - This package is for fleets in Go that run NATS. It saves a hop, has NATS's
//     authentication, and works while every relay is down.
//
// The last two meet: the same relay can take HTTP and drain the same stream.
package natsqueue
