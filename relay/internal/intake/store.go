package intake

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/body"
	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// A scratch is the memory that a request needs while its events are stored.
type scratch struct {
	messages []body.Message
	parts    []part
	payload  []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// free keeps the memory for another request, unless it is a lot.
func (b *scratch) free() {
	const events, bytes = 1 << 10, 1 << 20
	if cap(b.messages) > events || cap(b.parts) > events || cap(b.payload) > bytes {
		return
	}
	clear(b.messages[:cap(b.messages)])
	clear(b.parts[:cap(b.parts)])
	scratches.Put(b)
}

// store checks and stores the events of a body.
func (x *exchange) store(text []byte) answer {
	if !x.i.room.take(len(text)) { // for what is made of it
		return later(unavailable)
	}
	defer x.i.room.give(len(text))
	b := scratches.Get().(*scratch)
	defer b.free()
	if refusal := x.split(b, text); refusal.status != 0 {
		return refusal
	}
	if len(b.messages) == 0 {
		return x.accepted(0, "")
	}
	p := publication{i: x.i, js: x.i.o.JetStream(), tenant: x.tenant.Name, endpoint: x.endpoint, subject: broker.Subject(x.tenant.Name, x.endpoint)}
	if p.js == nil {
		return later(unavailable)
	}
	defer p.close()
	if a := x.publish(&p, b, text); a.status != 0 {
		return a
	}
	events := len(b.messages)
	if p.outcomes == nil {
		return x.accepted(events, "")
	}
	task, refusal := p.outcomes.await(x.r.Context(), x.i)
	if refusal.status != 0 {
		return refusal
	}
	return x.accepted(events, task)
}

// split finds the messages of a body. An answer without a status means that it has.
func (x *exchange) split(b *scratch, text []byte) answer {
	add := body.Add{Stamp: x.i.clock.next, IP: x.address, Environments: x.tenant.Environments}
	messages, err := body.Split(x.endpoint, text, add, b.messages[:0])
	b.messages = messages
	var refusal *body.Refusal
	switch {
	case err == nil:
		return answer{}
	case !errors.As(err, &refusal):
		return failed(http.StatusInternalServerError, "internal-error")
	case refusal.Code != "":
		return failed(refusal.Status, refusal.Code)
	}
	return plainText(refusal.Status, refusal.Text)
}

func lacksStamp(messages []body.Message) bool {
	for i := range messages {
		if !messages[i].Stamped {
			return true
		}
	}
	return false
}

// publish stores the events, in turn if that matters. An answer without a status
// means that they are stored.
func (x *exchange) publish(p *publication, b *scratch, text []byte) answer {
	if x.endpoint != "identify" || !lacksStamp(b.messages) {
		return x.publishNow(p, b, text)
	}
	// Identifies that get their timestamp here are stored one request after the other:
	// if an earlier stamp were stored after a later one of the same person, the platform
	// would drop its traits. Nobody waits for an outcome during a turn.
	ctx, cancel := context.WithTimeout(x.r.Context(), storeTime)
	defer cancel()
	select {
	case x.tenant.turn <- struct{}{}:
		defer func() { <-x.tenant.turn }()
	case <-ctx.Done():
		return later(unavailable)
	}
	if a := x.split(b, text); a.status != 0 { // stamped again, now that it is its turn
		return a
	}
	return x.publishNow(p, b, text)
}

func (x *exchange) publishNow(p *publication, b *scratch, text []byte) answer {
	b.parts = split(b.messages, b.parts[:0])
	if len(b.parts) > maxParts || !p.fits(b.parts) {
		return tooLarge()
	}
	p.id = id(p.tenant, p.endpoint, text, b.messages)
	if wantsOutcome(x.r) {
		outcomes, err := listen(p.js.Conn(), p.id, len(b.parts))
		if err != nil {
			x.i.noteFailure(err)
			return later(unavailable)
		}
		p.outcomes = outcomes
	}
	return p.store(b, text)
}

func (x *exchange) accepted(events int, task string) answer {
	x.i.o.Metrics.Accepted(x.tenant.Name, x.endpoint, events)
	return stored(task)
}

// A publication is the storing of one body.
type publication struct {
	i                *Intake
	js               jetstream.JetStream
	tenant, endpoint string
	subject          string
	id               string    // of the parts, without their number
	outcomes         *outcomes // nil: nobody waits for them
}

// close ends the wait for outcomes.
func (p *publication) close() {
	if p.outcomes != nil {
		p.outcomes.close()
	}
}

func (p *publication) partID(number int) string { return p.id + "-" + strconv.Itoa(number) }

// header returns the headers of a part.
func (p *publication) header(number int) nats.Header {
	h := nats.Header{jetstream.MsgIDHeader: {p.partID(number)}}
	if p.outcomes != nil {
		h[broker.HeaderOutcome] = []string{p.outcomes.subject + "." + strconv.Itoa(number)}
	}
	return h
}

// fits reports whether the broker takes every part. It is asked before the first is
// stored: a body that is refused has stored nothing.
func (p *publication) fits(parts []part) bool {
	const headers = 1 << 10 // at most, of a part
	most := p.js.Conn().MaxPayload()
	for i := range parts {
		if size := parts[i].size; size > broker.MaxMessage || most > 0 && int64(size)+headers > most {
			return false
		}
	}
	return true
}
