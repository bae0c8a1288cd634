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

// A bench is what a request needs while its events are stored.
type bench struct {
	messages []body.Message
	parts    []part
	payload  []byte
}

var benches = sync.Pool{New: func() any { return new(bench) }}

// free keeps the memory for another request, unless it is a lot.
func (b *bench) free() {
	const events, bytes = 1 << 10, 1 << 20
	if cap(b.messages) > events || cap(b.parts) > events || cap(b.payload) > bytes {
		return
	}
	clear(b.messages[:cap(b.messages)])
	clear(b.parts[:cap(b.parts)])
	benches.Put(b)
}

// store checks and stores the events of a body.
func (x *exchange) store(text []byte) answer {
	if !x.i.room.take(len(text)) { // for what is made of it
		return later(unavailable)
	}
	defer x.i.room.give(len(text))
	b := benches.Get().(*bench)
	defer b.free()
	if refusal := x.split(b, text); refusal.status != 0 {
		return refusal
	}
	if x.endpoint == "identify" && lacksStamp(b.messages) {
		return x.storeInTurn(b, text)
	}
	return x.publish(b, text)
}

// split finds the messages of a body. An answer without a status means that it has.
func (x *exchange) split(b *bench, text []byte) answer {
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

// storeInTurn stores identifies that get their timestamp here, one request after
// the other: if an earlier stamp were stored after a later one of the same person,
// the platform would drop its traits.
func (x *exchange) storeInTurn(b *bench, text []byte) answer {
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
	return x.publish(b, text)
}

// publish stores the messages as parts. For sync=true it waits for the outcome.
func (x *exchange) publish(b *bench, text []byte) answer {
	if len(b.messages) == 0 {
		return x.accepted(0, "")
	}
	js := x.i.o.JetStream()
	if js == nil {
		return later(unavailable)
	}
	b.parts = split(b.messages, b.parts[:0])
	if len(b.parts) > maxParts {
		return tooLarge()
	}
	p := publication{
		i: x.i, js: js, tenant: x.tenant.Name, endpoint: x.endpoint,
		subject: broker.Subject(x.tenant.Name, x.endpoint),
		id:      id(x.tenant.Name, x.endpoint, text, b.messages),
	}
	if !p.fits(b.parts) {
		return tooLarge()
	}
	events := len(b.messages)
	if !wantsOutcome(x.r) {
		if a := p.store(b, text); a.status != 0 {
			return a
		}
		return x.accepted(events, "")
	}
	outcomes, err := listen(js.Conn(), p.id, len(b.parts))
	if err != nil {
		x.i.noteFailure(p.tenant, err)
		return later(unavailable)
	}
	defer outcomes.close()
	p.outcome = outcomes.subject
	if a := p.store(b, text); a.status != 0 {
		return a
	}
	task, refusal := outcomes.await(x.r.Context(), x.i)
	if refusal.status != 0 {
		return refusal
	}
	return x.accepted(events, task)
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
	id               string // of the parts, without their number
	outcome          string // subject of the outcomes, without the part's number; "": nobody waits
}

// header returns the headers of a part.
func (p *publication) header(number int) nats.Header {
	n := strconv.Itoa(number)
	h := nats.Header{jetstream.MsgIDHeader: {p.id + "-" + n}}
	if p.outcome != "" {
		h[broker.HeaderOutcome] = []string{p.outcome + "." + n}
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
