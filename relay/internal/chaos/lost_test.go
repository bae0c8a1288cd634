package chaos

import (
	"testing"
	"time"
)

const heldFor = 150 * time.Millisecond

// loseAnswers lets requests through and loses what is answered, again and again.
func loseAnswers(w *world, p *proxy) {
	w.t.Helper()
	for range form(5, 100) {
		w.sink.awaitMore(w.t, someEvents(), patience)
		p.hold(response)
		lasts(heldFor)
		p.lose()
	}
}

// The broker stores, and the relay does not hear of it: neither of what it
// published, nor of what it was sent.
func TestLostPubAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broker := w.broker()
	r := w.relay("r", "--nats", broker.URL(), "--replicas", "1").start()
	w.load(r.URL(), 2, 1000)
	loseAnswers(w, broker.front)
	w.finish()
	w.require(w.settle(patience), 0)
}

// The relay acknowledges what is delivered, and the broker does not hear of it.
func TestLostAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broker := w.broker()
	r := w.relay("r", "--nats", broker.URL(), "--replicas", "1").start()
	w.load(r.URL(), 2, 1000)
	for range form(5, 100) {
		w.sink.awaitMore(t, someEvents(), patience)
		broker.front.hold(request)
		lasts(heldFor)
		broker.front.lose()
	}
	w.finish()
	w.require(w.settle(patience), 0)
}

// The relay stores, and the producer does not hear of it and asks again.
func TestLostAnswerToProducer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	front := newProxy(t, r.listen)
	w.load(front.URL(), 2, 1000)
	loseAnswers(w, front)
	w.finish()
	w.require(w.settle(patience), 0)
}

// The API stores, and the relay does not hear of it. There is no id by which the
// API would know, so a batch comes twice for each answer lost.
func TestLostAnswerOfAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	lost := form(10, 200)
	w.sink.set(sometimes(5, lost, cutAfterStoring))
	w.load(r.URL(), 2, 1000)
	w.sink.await(t, form(patience, 10*time.Minute), "answers are lost", func() bool { return w.sink.answers(0) == lost })
	w.finish()
	w.require(w.settle(patience), lost*batchSize)
}

// The API takes requests and never answers some of them.
func TestHangingAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	w.sink.set(sometimes(3, form(3, 30), hanging))
	w.load(r.URL(), 2, 500)
	w.sink.awaitMore(t, form(5000, 100_000), patience)
	w.finish()
	w.require(w.settle(patience), 0)
}
