package intake

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// An outcome is what the drain says when a message of the stream is settled.
type outcome struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	TaskID string `json:"task_id"`
}

// outcomes are those of one body's parts.
type outcomes struct {
	subject  string // without the part's number
	parts    int
	events   int
	sub      *nats.Subscription
	messages chan *nats.Msg
}

// listen subscribes to the outcomes of the parts of that id. A retry listens to the
// same subject: the message that the broker stored names the first request's.
func listen(nc *nats.Conn, id string, parts, events int) (*outcomes, error) {
	const again = 16 // outcomes that are told twice
	inbox := nc.NewInbox()
	o := &outcomes{
		subject: inbox[:strings.LastIndexByte(inbox, '.')+1] + "outcome." + id, parts: parts, events: events,
		messages: make(chan *nats.Msg, parts+again),
	}
	sub, err := nc.ChanSubscribe(o.subject+".*", o.messages)
	if err != nil {
		return nil, err
	}
	o.sub = sub
	return o, nil
}

func (o *outcomes) close() { _ = o.sub.Unsubscribe() }

// await waits for all outcomes and returns the answer of the first part that was
// refused, or one without a status. If time is over, or the client leaves, it is a
// 504: the events are stored, and will be delivered.
func (o *outcomes) await(ctx context.Context, i *Intake) (task string, refusal answer) {
	ctx, cancel := context.WithTimeout(ctx, i.o.SyncTimeout)
	defer cancel()
	closing, grace := i.closing, (<-chan time.Time)(nil)
	for seen := make(map[int]outcome, o.parts); ; {
		select {
		case msg := <-o.messages:
			if number, out, ok := o.read(msg); ok {
				seen[number] = out
			}
			if len(seen) == o.parts {
				return o.verdict(seen)
			}
			continue
		case <-closing:
			closing, grace = nil, time.After(closeGrace)
			continue
		case <-grace:
		case <-ctx.Done():
		}
		return "", failed(http.StatusGatewayTimeout, "timeout")
	}
}

func (o *outcomes) read(msg *nats.Msg) (number int, out outcome, ok bool) {
	number, err := strconv.Atoi(msg.Subject[strings.LastIndexByte(msg.Subject, '.')+1:])
	ok = err == nil && 0 <= number && number < o.parts && json.Unmarshal(msg.Data, &out) == nil
	return number, out, ok
}

// verdict makes one of all outcomes.
func (o *outcomes) verdict(seen map[int]outcome) (task string, refusal answer) {
	for number := range o.parts {
		if out := seen[number]; out.Status < 200 || out.Status > 299 {
			return "", out.refusal()
		}
	}
	if o.parts == 1 {
		task = seen[0].TaskID
	}
	return task, answer{}
}

// refusal is the API's answer to a refused event.
func (o outcome) refusal() answer {
	if o.Status < 300 || o.Status > 599 {
		o.Status = http.StatusInternalServerError
	}
	return failed(o.Status, o.Code)
}
