// Package gather lets small messages share a wait for the disk.
//
// The embedded server waits for it once for each message of a stream, one after the
// other: what comes to Publish meanwhile, of one subject and one environment, is the
// next message. Alone, a batch goes out at once and unchanged.
//
// The server knows the id of the message that it gets. The ids of those within are
// remembered here for the duplicate window, and in the message's broker.HeaderIDs,
// from where a new process reads those that its predecessor may not have answered.
//
// So it is for the embedded broker, on which one process stores. The relays of a
// cluster share no memory: one would store what another has joined already. They
// publish each batch as it is, and the cluster knows its id.
package gather

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What one message holds at most when it is made of several batches.
const (
	MaxEvents = 100
	MaxBytes  = 256 << 10
)

// A Batch is what becomes one message of a stream, or part of one.
type Batch struct {
	Subject     string
	ID          string // of batches with the same one within the window, one is stored
	Environment string // of all its events
	Events      int
	Data        []byte // their JSON array, without white space around it
}

// A Gatherer publishes batches. Its methods may be called by any goroutine.
type Gatherer struct {
	js      jetstream.JetStream
	ctx     context.Context // ended by stop
	stop    context.CancelFunc
	running sync.WaitGroup
	full    func() bool // the disk: what failed is not tried again

	mu     sync.Mutex // guards what follows, and the queues
	queues map[string]*queue
	recent recent
}

// A queue is what waits for one subject, in order. One goroutine sends, as long as
// there is something.
type queue struct {
	waiting []*waiting
	known   map[idSum]*waiting // those that wait and those that are being sent
	sending bool
}

// A waiting is a call of Publish, and calls that repeat it.
type waiting struct {
	Batch
	sum       idSum
	done      chan struct{} // closed once duplicate and err are set
	duplicate bool
	err       error
}

// New returns a Gatherer for the embedded broker. The window is how long ids are
// remembered; full reports whether its disk is.
func New(js jetstream.JetStream, window time.Duration, full func() bool) *Gatherer {
	g := &Gatherer{js: js, full: full, queues: make(map[string]*queue), recent: recent{window: window}}
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g
}

// Publish returns once the batch is stored, alone or with others, or was before:
// then it is a duplicate. It copies the data; a batch of more than MaxBytes is sent as
// it is. After an error because of ctx it may be stored all the same. The broker's
// errors are returned as they are; after Close it is nats.ErrConnectionClosed.
func (g *Gatherer) Publish(ctx context.Context, b Batch) (duplicate bool, err error) {
	if len(b.Data) > MaxBytes {
		return g.publishLarge(ctx, b)
	}
	w, again, err := g.enqueue(b)
	if err != nil {
		return false, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		g.leave(w, again)
		return false, ctx.Err()
	}
	if w.err != nil {
		return false, w.err
	}
	return w.duplicate || again, nil
}

func (g *Gatherer) publishLarge(ctx context.Context, b Batch) (duplicate bool, err error) {
	if g.ctx.Err() != nil {
		return false, nats.ErrConnectionClosed
	}
	ack, err := g.js.PublishMsg(ctx, b.message())
	if err != nil {
		return false, err
	}
	return ack.Duplicate, nil
}

// enqueue returns what to wait for; again if the id was there already.
func (g *Gatherer) enqueue(b Batch) (w *waiting, again bool, err error) {
	sum := sumOf(b.ID)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil {
		return nil, false, nats.ErrConnectionClosed
	}
	q := g.queues[b.Subject]
	if q == nil {
		q = &queue{known: make(map[idSum]*waiting)}
		g.queues[b.Subject] = q
	}
	if w := q.known[sum]; w != nil {
		return w, true, nil
	}
	w = &waiting{Batch: b, sum: sum, done: make(chan struct{})}
	if g.recent.has(sum) {
		close(w.done)
		return w, true, nil
	}
	w.Data = slices.Clone(b.Data)
	q.known[sum], q.waiting = w, append(q.waiting, w)
	if !q.sending {
		q.sending = true
		g.running.Go(func() { g.send(q) })
	}
	return w, false, nil
}

// leave takes the caller's batch from the queue, unless it is being sent, or came
// with an earlier call.
func (g *Gatherer) leave(w *waiting, again bool) {
	if again {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.queues[w.Subject]
	if i := slices.Index(q.waiting, w); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		delete(q.known, w.sum)
		w.err = context.Canceled // for a call that repeats it
		close(w.done)
	}
}

// Close ends the calls that wait. What is being sent may be stored all the same.
func (g *Gatherer) Close() {
	g.mu.Lock()
	g.stop()
	g.mu.Unlock()
	g.running.Wait()
}
