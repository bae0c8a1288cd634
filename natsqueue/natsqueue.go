package natsqueue

import (
	"bytes"
	"context"
	"crypto/rand"
	"hash/maphash"
	"io"
	"net/http"
	"path"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// New returns the Transport of an HTTP client that stores a client's batches on
// the stream of a tenant of the relay:
//
//	altertable.WithHTTPClient(&http.Client{Transport: natsqueue.New(js, "acme")})
//
// It uses no network. The tenant's name has 1 to 32 of a-z, 0-9, "_" and "-", the
// first of them a letter or digit, and is not "dlq". With another name, or where js
// is nil, every request is answered 503 with a sentence that says so: the client
// keeps its messages and warns.
//
// RoundTrip publishes a request's body as one message, and answers 200 once the
// stream has acknowledged it. The documentation of the package lists the other answers.
// It waits for the broker until the request's context ends, or for 5 seconds if that
// has no deadline; what fails meanwhile and may pass is tried again with the same
// message id. Its error is that of the context, or of the request's body. It is safe for
// concurrent use, and may be used by several clients. If js is a wrapper of your own,
// it must not keep a message's data after PublishMsg has returned.
//
// The connection stays the caller's, who closes it after the client. Once it is
// closed, every request is answered 503.
func New(js jetstream.JetStream, tenant string) http.RoundTripper {
	q := &queue{
		js:     js,
		tenant: tenant,
		stream: streamOf(tenant),
		nonce:  rand.Text(),
		seeds:  [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		broken: misuse(js, tenant),
	}
	q.overhead = headerSize(q.header(q.id("identify", nil)))
	return q
}

// A queue publishes the bodies of requests. It does not change after New.
type queue struct {
	js       jetstream.JetStream
	tenant   string
	stream   string
	nonce    string          // of the instance: no other one makes the same ids
	seeds    [2]maphash.Seed // of ids; two hashes of 64 bits make one of 128
	overhead int             // bytes of a message's header
	broken   *refusal        // what New was given is of no use; else nil
}

// RoundTrip stores the body of r: see New.
func (q *queue) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	closeBody := sync.OnceFunc(func() {
		if r.Body != nil {
			_ = r.Body.Close() // what was read of it is complete, or an error already
		}
	})
	if refused := q.check(r); refused != nil {
		closeBody()
		return refused.answer(r), nil
	}
	if err := ctx.Err(); err != nil {
		closeBody()
		return nil, err
	}
	o := &order{endpoint: path.Base(r.URL.Path), body: r.Body, length: r.ContentLength, close: closeBody}
	done := make(chan result, 1)
	go o.run(ctx, q, done)
	select {
	case res := <-done:
		return res.answer(r)
	case <-ctx.Done():
		closeBody()
		return nil, ctx.Err()
	}
}

// check returns why the request is refused before its body is read, nil if it is not.
func (q *queue) check(r *http.Request) *refusal {
	switch {
	case q.broken != nil:
		return q.broken
	case r.URL == nil || !isEndpoint(path.Base(r.URL.Path)):
		return refuse(http.StatusNotFound, "not-found", "natsqueue takes /track, /identify and /alias")
	case r.Method != http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "method-not-allowed", "natsqueue takes POST")
	case r.Body == nil || r.Body == http.NoBody:
		return refuse(http.StatusBadRequest, "no-body", "the request has no body")
	case r.ContentLength > maxMessage:
		return tooLarge
	}
	return nil
}

// An order is a request on its way to the stream. Its goroutine alone uses it: a
// write to a broker that does not read may block for longer than the request's
// context allows.
type order struct {
	endpoint string
	body     io.Reader
	length   int64
	close    func() // closes body
	idle     int    // reads of the body that brought nothing, one after the other
}

// run reads and publishes the body.
func (o *order) run(ctx context.Context, q *queue, done chan<- result) {
	res := result{panicked: true}
	defer func() {
		if res.panicked {
			res.value = recover() // the caller's goroutine panics with it
		}
		done <- res
	}()
	defer o.close()
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	refused, err := readBody(b, o, o.length)
	if err == nil && refused == nil {
		o.close()
		refused = q.publish(ctx, &nats.Msg{
			Subject: subjectOf(q.tenant, o.endpoint),
			Header:  q.header(q.id(o.endpoint, b.Bytes())),
			Data:    b.Bytes(),
		})
	}
	buffers.Put(b)
	res = result{refused: refused, err: err}
}

// Read reads the body. One that brings nothing, again and again, would keep the
// goroutine for good, also when nobody waits for the order any more.
func (o *order) Read(p []byte) (int, error) {
	const most = 100
	n, err := o.body.Read(p)
	if o.idle++; n != 0 || err != nil {
		o.idle = 0
	}
	if o.idle > most {
		return 0, io.ErrNoProgress
	}
	return n, err
}

// A result is what came of an order.
type result struct {
	refused  *refusal // nil: stored
	err      error    // the body could not be read
	panicked bool
	value    any // of the panic
}

func (res result) answer(r *http.Request) (*http.Response, error) {
	switch ctx := r.Context(); {
	case res.panicked:
		panic(res.value)
	case ctx.Err() != nil && (res.err != nil || res.refused != nil):
		return nil, ctx.Err()
	case res.err != nil:
		return nil, res.err
	case res.refused != nil:
		return res.refused.answer(r), nil
	}
	return stored(r), nil
}
