package gather

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

const (
	sendTimeout = 5 * time.Second
	sendPause   = 100 * time.Millisecond // between attempts
)

// send sends what is in the queue until it is empty.
func (g *Gatherer) send(q *queue) {
	for {
		g.mu.Lock()
		batch := q.takeLocked()
		if len(batch) == 0 {
			q.sending = false
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		ack, err := g.publish(join(batch))
		g.mu.Lock()
		for _, w := range batch {
			delete(q.known, w.sum)
			if err == nil {
				g.recent.add(w.sum)
				w.duplicate = ack.Duplicate
			}
			w.err = err
			close(w.done)
		}
		g.mu.Unlock()
	}
}

// takeLocked removes from the queue what can be one message.
func (q *queue) takeLocked() []*waiting {
	if len(q.waiting) == 0 {
		return nil
	}
	first, n := q.waiting[0], 1
	events, bytes := first.Events, len(first.Data)
	for ; n < len(q.waiting); n++ {
		next := q.waiting[n]
		events, bytes = events+next.Events, bytes+len(next.Data)
		if next.Environment != first.Environment || events > MaxEvents || bytes > MaxBytes {
			break
		}
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

// join makes one message of batches.
func join(batch []*waiting) *nats.Msg {
	first := batch[0]
	if len(batch) == 1 {
		return first.message()
	}
	var data bytes.Buffer
	ids := make([]string, len(batch))
	for i, w := range batch {
		separator := byte(',')
		if i == 0 {
			separator = '['
		}
		data.WriteByte(separator)
		data.Write(w.Data[1 : len(w.Data)-1])
		ids[i] = base64.RawURLEncoding.EncodeToString(w.sum[:])
	}
	data.WriteByte(']')
	return &nats.Msg{
		Subject: first.Subject, Data: data.Bytes(),
		Header: nats.Header{jetstream.MsgIDHeader: {"g-" + nuid.Next()}, broker.HeaderIDs: {strings.Join(ids, " ")}},
	}
}

func (b *Batch) message() *nats.Msg {
	return &nats.Msg{Subject: b.Subject, Header: nats.Header{jetstream.MsgIDHeader: {b.ID}}, Data: b.Data}
}

// publish sends the message until it is known to be stored or not: another message
// with one of its ids must not be stored beside it.
func (g *Gatherer) publish(m *nats.Msg) (*jetstream.PubAck, error) {
	giveUp := time.Now().Add(g.recent.window / 2) // the server knows the id for longer
	for {
		ctx, cancel := context.WithTimeout(g.ctx, sendTimeout)
		ack, err := g.js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
		cancel()
		if err == nil || isKnown(err) || g.ctx.Err() != nil || g.full() || time.Now().After(giveUp) {
			return ack, err
		}
		select {
		case <-time.After(sendPause): // an error that nobody knows may come at once
		case <-g.ctx.Done():
			return nil, err
		}
	}
}

// isKnown tells an error after which the message is not stored, now or later.
func isKnown(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return true
	}
	for _, e := range []error{
		nats.ErrMaxPayload, nats.ErrNoResponders, jetstream.ErrNoStreamResponse, nats.ErrReconnectBufExceeded,
		nats.ErrConnectionClosed, nats.ErrConnectionReconnecting, nats.ErrInvalidConnection,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
