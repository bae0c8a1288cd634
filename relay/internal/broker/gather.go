package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What one message holds at most when it is made of several.
const (
	gatherEvents = 100
	gatherBytes  = 256 << 10
	sendTimeout  = 5 * time.Second
	sendPause    = 100 * time.Millisecond // between attempts
)

// A gatherer lets small messages share a wait for the disk. The embedded server
// waits for it once for each message of a stream, one after the other: what comes
// to PublishMsg meanwhile, of one subject and one environment, is the next message.
// Alone, a message goes out at once and unchanged. Messages with another header
// than an id, or with options, and those of other methods, are published as they are.
//
// The server knows the id of the message that it gets. The ids of those within are
// remembered here for the duplicate window, and in the message's HeaderIDs, from
// where a new process reads those that its predecessor may not have answered.
type gatherer struct {
	jetstream.JetStream
	ctx     context.Context // ended by stop
	stop    context.CancelFunc
	running sync.WaitGroup
	full    func() bool // the disk: what failed is not tried again

	mu     sync.Mutex // guards what follows, and the lanes
	lanes  map[string]*lane
	recent recent
}

// A lane is what waits for one subject, in order. One goroutine sends, as long as
// there is something.
type lane struct {
	queue   []*waiting
	known   map[idSum]*waiting // of the queue and of what is being sent
	sending bool
}

// A waiting is one call of PublishMsg, and calls that repeat it.
type waiting struct {
	message *nats.Msg
	sum     idSum
	content content
	done    chan struct{} // closed once ack and err are set
	ack     jetstream.PubAck
	err     error
}

func newGatherer(js jetstream.JetStream, window time.Duration, full func() bool) *gatherer {
	g := &gatherer{JetStream: js, full: full, lanes: make(map[string]*lane), recent: recent{window: window}}
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g
}

// PublishMsg returns once the message is stored, alone or with others. It copies
// the data. After an error because of ctx it may be stored all the same.
func (g *gatherer) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	id := m.Header.Get(jetstream.MsgIDHeader)
	if id == "" || len(m.Header) != 1 || len(opts) > 0 || len(m.Data) > gatherBytes {
		return g.JetStream.PublishMsg(ctx, m, opts...)
	}
	w, again, err := g.enqueue(m, sumOf(id))
	if err != nil {
		return nil, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		g.leave(w, again)
		return nil, ctx.Err()
	}
	if w.err != nil {
		return nil, w.err
	}
	ack := w.ack
	ack.Duplicate = ack.Duplicate || again
	return &ack, nil
}

// enqueue returns what to wait for; again if the id was there already.
func (g *gatherer) enqueue(m *nats.Msg, sum idSum) (w *waiting, again bool, err error) {
	content := contentOf(m.Data)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil {
		return nil, false, nats.ErrConnectionClosed
	}
	l := g.lanes[m.Subject]
	if l == nil {
		l = &lane{known: make(map[idSum]*waiting)}
		g.lanes[m.Subject] = l
	}
	if w := l.known[sum]; w != nil {
		return w, true, nil
	}
	w = &waiting{message: &nats.Msg{Subject: m.Subject, Header: m.Header}, sum: sum, content: content, done: make(chan struct{})}
	if g.recent.has(sum) {
		close(w.done)
		return w, true, nil
	}
	w.message.Data = append([]byte(nil), m.Data...)
	l.known[sum], l.queue = w, append(l.queue, w)
	if !l.sending {
		l.sending = true
		g.running.Go(func() { g.send(l) })
	}
	return w, false, nil
}

// leave takes what nobody waits for from the queue, unless it is being sent, or is
// another call's as well.
func (g *gatherer) leave(w *waiting, again bool) {
	if again {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lanes[w.message.Subject]
	for i, other := range l.queue {
		if other == w {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			delete(l.known, w.sum)
			w.err = context.Canceled // for a call that repeats it
			close(w.done)
			return
		}
	}
}

// send sends what is in the lane until it is empty.
func (g *gatherer) send(l *lane) {
	for {
		g.mu.Lock()
		batch := l.take()
		if len(batch) == 0 {
			l.sending = false
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		ack, err := g.publish(join(batch))
		g.mu.Lock()
		for _, w := range batch {
			delete(l.known, w.sum)
			if err == nil {
				g.recent.add(w.sum)
				w.ack = *ack
			}
			w.err = err
			close(w.done)
		}
		g.mu.Unlock()
	}
}

// take removes from the queue what can be one message. The gatherer's mu is held.
func (l *lane) take() []*waiting {
	if len(l.queue) == 0 {
		return nil
	}
	first, n := l.queue[0].content, 1
	events, bytes := first.events, len(l.queue[0].message.Data)
	for ; first.joins && n < len(l.queue); n++ {
		next := l.queue[n]
		events, bytes = events+next.content.events, bytes+len(next.message.Data)
		if !next.content.joins || next.content.environment != first.environment || events > gatherEvents || bytes > gatherBytes {
			break
		}
	}
	batch := l.queue[:n:n]
	l.queue = l.queue[n:]
	return batch
}

// publish sends the message until it is known to be stored or not: another message
// with one of its ids must not be stored beside it.
func (g *gatherer) publish(m *nats.Msg) (*jetstream.PubAck, error) {
	giveUp := time.Now().Add(g.recent.window / 2) // the server knows the id for longer
	for {
		ctx, cancel := context.WithTimeout(g.ctx, sendTimeout)
		ack, err := g.JetStream.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
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

// close ends the calls that wait.
func (g *gatherer) close() {
	g.mu.Lock()
	g.stop()
	g.mu.Unlock()
	g.running.Wait()
}
