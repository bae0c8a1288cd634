package chaos

import (
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// someEvents is how much arrives between one fault and the next.
func someEvents() int { return 300 + rand.IntN(form(1500, 6000)) }

// A relay with the broker in it is killed again and again, now and then while it starts.
func TestKillEmbedded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	w.load(r.URL(), 2, 1000)
	kills := form(4, 40)
	for kill := range kills {
		w.sink.awaitMore(t, someEvents(), patience)
		if kill%4 == 3 {
			r.kill()
			r.process.start()
			lasts(time.Duration(rand.IntN(300)) * time.Millisecond)
		}
		r.crash()
	}
	w.finish()
	w.require(w.settle(patience), kills*inFlight)
}

// A relay beside a broker is killed again and again.
func TestKillRelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r", "--nats", w.broker().URL(), "--replicas", "1").start()
	w.load(r.URL(), 2, 1000)
	kills := form(4, 40)
	for range kills {
		w.sink.awaitMore(t, someEvents(), patience)
		r.crash()
	}
	w.finish()
	w.require(w.settle(patience), kills*inFlight)
}

// Identifies of many people, some of whom have an earlier one under way: those wait,
// and must not keep too many others from being acknowledged.
func TestKillRelayOfIdentifies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r", "--nats", w.broker().URL(), "--replicas", "1").start()
	for _, source := range []string{"p0", "p1"} {
		w.produce(plan{Source: source, URL: r.URL(), PerSecond: 4000, Identify: 1, People: 50_000})
	}
	kills := form(2, 20)
	for range kills {
		w.sink.awaitMore(t, 25_000, patience)
		r.crash()
	}
	w.finish()
	w.require(w.settle(patience), kills*inFlight)
}

// The broker is killed again and again: the relay that lives knows what it has
// delivered, so nothing comes twice.
func TestKillBroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broker := w.broker()
	r := w.relay("r", "--nats", broker.URL(), "--replicas", "1").start()
	w.load(r.URL(), 2, 1000)
	kills := form(4, 40)
	for range kills {
		w.sink.awaitMore(t, someEvents(), patience)
		broker.crash()
	}
	w.finish()
	w.require(w.settle(patience), 0)
}

// Producers are killed: what they had acknowledged arrives, once.
func TestKillProducer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	kills := form(6, 60)
	for kill := range kills {
		p := w.produce(plan{Source: "p" + strconv.Itoa(kill), URL: r.URL(), PerSecond: 4000, Identify: 4})
		w.sink.awaitMore(t, someEvents(), patience, p.plan.Source)
		p.kill()
	}
	w.finish()
	w.require(w.settle(patience), 0)
}

// Everything is killed in turn.
func TestKillAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broker := w.broker()
	r := w.relay("r", "--nats", broker.URL(), "--replicas", "1").start()
	w.load(r.URL(), 2, 1000)
	for kill := range form(6, 60) {
		w.sink.awaitMore(t, someEvents(), patience)
		switch kill % 3 {
		case 0:
			broker.crash()
		case 1:
			r.crash()
		case 2:
			r.kill() // first: what it delivers without a broker it cannot acknowledge
			broker.kill()
			r.process.start() // it waits for the broker
			broker.start()
			r.awaitReady(patience)
		}
	}
	w.finish()
	w.requireAfterBoth(w.settle(patience))
}

// Producers publish to the broker themselves. It is killed, the relay that drains
// is, and a producer is.
func TestKillQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broker := w.broker()
	r := w.relay("r", "--nats", broker.URL(), "--replicas", "1", "--role", "drain").start()
	for _, source := range []string{"p0", "p1"} {
		w.produce(plan{Source: source, NATS: broker.URL(), PerSecond: 1000, Identify: 4})
	}
	killed := w.produce(plan{Source: "killed", NATS: broker.URL(), PerSecond: 1000, Identify: 4})
	for kill := range form(4, 40) {
		w.sink.awaitMore(t, someEvents(), patience)
		if kill%2 == 0 {
			broker.crash()
		} else {
			r.crash()
		}
	}
	w.sink.awaitMore(t, 10, patience, "killed")
	killed.kill()
	w.finish()
	w.requireAfterBoth(w.settle(patience))
}

// Producers write to disk alone and are killed. Relays that deliver what they
// leave are killed as well.
func TestKillSpool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spool := filepath.Join(w.dir, "spool")
	r := w.relay("r", "--spool", spool, "--spool-name", spoolName)
	kills := form(3, 20)
	for kill := range kills {
		whole := w.produce(plan{Source: "p" + strconv.Itoa(kill), Spool: spool, Identify: 4, Count: 3000})
		killed := w.produce(plan{Source: "k" + strconv.Itoa(kill), Spool: spool, PerSecond: 4000, Identify: 4})
		killed.started(t)
		killed.kill()
		w.finish(whole)
		stored := w.sink.total()
		r.start() // and adopts what dead producers left
		w.sink.awaitTotal(t, stored+100, patience)
		r.kill()
	}
	r.start()
	w.require(w.settle(patience), kills*2*inFlight)
}
