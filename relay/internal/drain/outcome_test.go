package drain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	altertable "github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// sendPoison publishes a message of that many events, of which the ones at those
// places are refused.
func (b *bench) sendPoison(endpoint string, events int, poison ...int) {
	bad := map[int]bool{}
	for _, i := range poison {
		bad[i] = true
	}
	var parts []string
	for i := range events {
		more := ""
		if bad[i] {
			more = `,"poison":true`
		} else {
			b.sink.expect(endpoint, b.sent)
		}
		parts = append(parts, event(endpoint, "production", b.sent, fmt.Sprintf("u%d", b.sent%7), more))
		b.sent++
	}
	b.publish(endpoint, fmt.Sprintf("m-%d", b.sent), []byte("["+strings.Join(parts, ",")+"]"))
}

func TestPoisonIsSplitOut(t *testing.T) {
	for _, endpoint := range []string{"track", "identify"} {
		t.Run(endpoint, func(t *testing.T) {
			b := newBench(t)
			b.sendPoison(endpoint, 100, 0)
			b.sendPoison(endpoint, 100, 99)
			b.sendPoison(endpoint, 70, 33)
			b.sendPoison(endpoint, 1, 0)
			b.sendPoison(endpoint, 3, 1)
			b.sendPoison(endpoint, 60)
			b.drain()
			b.requireAll(0)
			require.Equal(t, 5, b.dead.count())
			for _, l := range b.dead.letters {
				assert.Equal(t, "invalid-event", l.Code)
				assert.Equal(t, endpoint, l.Endpoint)
				assert.Equal(t, "acme", l.Tenant)
				assert.Contains(t, l.Reason, "422")
				assert.Contains(t, string(l.Message), "poison")
			}
		})
	}
}

func TestAllPoison(t *testing.T) {
	b := newBench(t)
	everything := make([]int, 120)
	for i := range everything {
		everything[i] = i
	}
	for range 3 {
		b.sendPoison("track", 120, everything...)
	}
	b.drain()
	until(t, "dead letters", func() bool { return b.dead.count() == 360 })
	until(t, "acknowledged", b.empty)
	some := false
	for _, l := range b.dead.letters {
		some = some || strings.Contains(l.Reason, "refused as one of")
	}
	assert.True(t, some, "a letter that was not tried alone says so")
}

func TestNothingIsAcknowledgedWhileDeadLettersCannotBeStored(t *testing.T) {
	b := newBench(t)
	b.dead.setAway(true)
	b.sendPoison("track", 10, 3)
	d := b.drain()
	until(t, "the others are delivered", b.sink.all)
	until(t, "tried again", func() bool { return b.dead.tries() > 2 })
	assert.False(t, b.empty())
	assert.Equal(t, 1, d.Status().Held)
	b.dead.setAway(false)
	b.requireAll(0)
	assert.Equal(t, 1, b.dead.count())
}

func TestAKillBetweenLetterAndAcknowledgementStoresNoSecondLetter(t *testing.T) {
	b := newBench(t)
	b.sendPoison("track", 4, 1, 2)
	b.dead.setAway(true)
	first := b.drain()
	until(t, "tried", func() bool { return b.sink.all() && b.dead.tries() > 1 })
	b.dead.setAway(false)
	first.broker.conn.Close() // the letters are stored, the acknowledgement is not
	until(t, "stored", func() bool { return b.dead.count() == 2 })
	first.kill(func() {})
	b.drain()
	until(t, "acknowledged", b.empty)
	assert.Equal(t, 2, b.dead.count())
}

func TestARefusedAccountPausesTheTenant(t *testing.T) {
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"unauthorized":     func(w http.ResponseWriter) { w.WriteHeader(401) },
		"forbidden":        func(w http.ResponseWriter) { refuseWith(w, 403, "forbidden") },
		"key in a 400":     func(w http.ResponseWriter) { refuseWith(w, 400, "invalid_api_key") },
		"redirect":         func(w http.ResponseWriter) { w.Header().Set("Location", "/login"); w.WriteHeader(302) },
		"not found":        func(w http.ResponseWriter) { w.WriteHeader(404) },
		"payment required": func(w http.ResponseWriter) { refuseWith(w, 402, "quota-exceeded") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			d := b.drain(func(d *Drain) { d.pauseFor = 200 * time.Millisecond })
			b.send("track", 10)
			until(t, "delivered", b.sink.all)
			b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { refuse(w); return true })
			for range 20 {
				b.send("track", 150)
				b.send("identify", 30)
			}
			until(t, "on probation", d.onProbation)
			assert.NotEmpty(t, d.Status().Paused)
			before := b.sink.countRequests()
			until(t, "probed", func() bool { return b.sink.countRequests() > before+2 })
			assert.LessOrEqual(t, d.Status().Held, 2, "a message a lane")
			assert.Zero(t, b.dead.count())
			b.sink.setAnswer(nil)
			b.requireAll(0)
			assert.Empty(t, d.Status().Paused)
		})
	}
}

func TestShutdownDoesNotWaitForAnAccountThatIsRefused(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(503); return true })
	d := b.drain()
	for range 5 {
		b.send("track", 50)
	}
	until(t, "held", func() bool { return d.Status().Held == 5 })
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(401); return true })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, d.Shutdown(ctx), "it did not wait for the context")
	b.sink.setAnswer(nil)
	b.drain()
	b.requireAll(0)
}

func TestAMissingEnvironmentWaitsAlone(t *testing.T) {
	b := newBench(t)
	var batches atomic.Int32 // of the missing environment; what asks for it has one event
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, events []sunk) bool {
		if events[0].Environment != "staging" {
			return false
		}
		if len(events) > 1 {
			batches.Add(1)
		}
		refuseWith(w, 422, "environment-not-found")
		return true
	})
	for range 30 {
		b.sendIn("staging", "track", 30)
		b.sendIn("staging", "identify", 10)
		b.send("track", 30)
		b.send("identify", 10)
	}
	d := b.drain()
	until(t, "the other environment goes on", func() bool { return b.sink.countApplied() == 30*40 })
	until(t, "paused", func() bool { return slices.Equal(d.Status().Missing, []string{"staging"}) })
	until(t, "parked", func() bool { return d.Status().Held == 60 })
	before := batches.Load()
	for range 10 {
		b.sendIn("staging", "track", 30)
		b.send("track", 30)
	}
	until(t, "the other environment goes on", func() bool { return b.sink.countApplied() == 30*40+10*30 })
	assert.Equal(t, before, batches.Load(), "what is known to be missing is not sent")
	assert.Zero(t, b.dead.count())
	b.sink.setAnswer(nil)
	b.requireAll(0)
	until(t, "nothing is missing", func() bool { return d.Status().MissingCount == 0 })
}

// Trouble that is over in the very moment in which it is found lets no later identify
// of a person go first.
func TestTroubleThatIsOverAtOnce(t *testing.T) {
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"environment":  func(w http.ResponseWriter) { refuseWith(w, 422, "environment-not-found") },
		"unauthorized": func(w http.ResponseWriter) { w.WriteHeader(401) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			var once atomic.Bool
			b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool {
				first := !once.Swap(true)
				if first {
					refuse(w)
				}
				return first
			})
			for range 30 {
				b.sendIn("staging", "identify", 50)
			}
			b.drain()
			b.requireAll(0)
		})
	}
}

// The core takes for lost what the stream still has: nobody is told so.
func TestTheLogDoesNotSpeakOfLoss(t *testing.T) {
	b := newBench(t)
	var mu sync.Mutex
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}), &slog.HandlerOptions{Level: slog.LevelInfo}))
	var unauthorized atomic.Bool
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, events []sunk) bool {
		switch {
		case unauthorized.Load():
			w.WriteHeader(401)
		case events[0].Environment == "staging":
			refuseWith(w, 422, "environment-not-found")
		default:
			return false
		}
		return true
	})
	d := b.drain(func(d *Drain) { d.log = log })
	b.sendIn("staging", "track", 10)
	until(t, "missing", func() bool { return d.Status().MissingCount == 1 })
	unauthorized.Store(true)
	for range 20 {
		b.send("track", 100)
	}
	until(t, "paused", func() bool { return d.Status().Paused != "" })
	d.stop()
	mu.Lock()
	defer mu.Unlock()
	assert.Contains(t, text.String(), "refuses the key")
	assert.Contains(t, text.String(), "environment=staging")
	for _, word := range []string{" are lost", "not delivered", "shut down", "distinct_id", "checkout"} {
		assert.NotContains(t, text.String(), word)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestAMessageOfTwoEnvironments(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, events []sunk) bool {
		if events[0].Environment == "staging" {
			refuseWith(w, 404, "environment_not_found")
			return true
		}
		return false
	})
	var parts []string
	for i := range 40 {
		parts = append(parts, event("track", []string{"production", "staging"}[i%2], i, "u", ""))
		b.sink.expect("track", i)
	}
	b.publish("track", "mixed", []byte("["+strings.Join(parts, ",")+"]"))
	b.drain()
	until(t, "one environment", func() bool { return b.sink.countApplied() == 20 })
	b.sink.setAnswer(nil)
	b.requireAll(0)
}

func TestALostAnswerRepeatsNoMoreThanWasInFlight(t *testing.T) {
	b := newBench(t)
	var requests, lost atomic.Int32
	b.sink.setAfter(func(w http.ResponseWriter) bool {
		if requests.Add(1)%5 != 0 {
			return false
		}
		lost.Add(1)
		conn, _, _ := w.(http.Hijacker).Hijack()
		_ = conn.Close()
		return true
	})
	b.drain(func(d *Drain) { d.o.MaxInFlight = 1; d.o.BatchSize = 10 })
	for range 60 {
		b.send("identify", 30)
	}
	until(t, "some", func() bool { return lost.Load() >= 3 })
	b.sink.setAfter(nil)
	until(t, "all delivered", b.sink.all)
	b.requireAll(10 * int(lost.Load())) // a batch each
}

func TestALongOutage(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(503); return true })
	d := b.drain()
	for range 100 {
		b.send("track", 100)
		b.send("identify", 20)
	}
	until(t, "held", func() bool { return d.Status().Held == 200 })
	began := time.Now()
	for _, l := range d.leases { // they are renewed again and again
		until(t, "renewed", func() bool { return l.confirmed().After(began.Add(3 * b.ttl)) })
	}
	until(t, "leads", func() bool { return len(d.Status().Leads) == 2 })
	b.sink.setAnswer(nil)
	b.requireAll(0)
}

// Messages are held for longer than the broker waits for a word about them: heartbeats
// keep each of them.
func TestASlowAPI(t *testing.T) {
	const messages, beats = 30, 5 // three are as long as the broker waits
	b := newBench(t)
	b.ack = 300 * time.Millisecond
	b.makeConsumers()
	words, err := b.js.Conn().SubscribeSync("$JS.ACK." + broker.Stream("acme") + "." + broker.EventsConsumer + ".>")
	require.NoError(t, err)
	gate := make(chan struct{})
	b.sink.setAnswer(func(http.ResponseWriter, string, []sunk) bool { <-gate; return false })
	b.drain()
	for range messages {
		b.send("track", 100)
	}
	told := map[uint64]int{} // heartbeats by the sequence of the message
	for kept := 0; kept < messages; {
		word, err := words.NextMsg(patience)
		require.NoError(t, err)
		require.Equal(t, "+WPI", string(word.Data), "nothing is acknowledged yet")
		meta, err := (&nats.Msg{Reply: word.Subject, Sub: words}).Metadata()
		require.NoError(t, err)
		sequence := meta.Sequence.Stream
		if told[sequence]++; told[sequence] == beats {
			kept++
		}
	}
	close(gate)
	b.requireAll(0)
}

func TestWhatIsNoJSONIsOneDeadLetter(t *testing.T) {
	b := newBench(t)
	for i, payload := range []string{
		"garbage", "", "[", "]", "[]", `[{"a":"]`, `[{},]`, `[,{}]`, `{"a":1}}`, "[1] [2]", "\xff\xfe", `[{"event":"x"]`,
	} {
		b.publish("track", fmt.Sprint("garbage-", i), []byte(payload))
	}
	b.publish("track", "", []byte(`[1,"two",null]`))
	b.publish("track", "syntax", []byte(`[{"event":"e","distinct_id":"u","properties":{"a":tru}}]`))
	b.send("track", 10)
	d := b.drain()
	b.requireAll(0)
	assert.Equal(t, 16, b.dead.count())
	assert.Empty(t, d.Status().Paused)
}

func TestSizes(t *testing.T) {
	b := newBench(t)
	large := func(n int) []byte {
		b.sink.expect("track", b.sent)
		e := event("track", "production", b.sent, "u", `,"pad":"`+strings.Repeat("x", n)+`"`)
		b.sent++
		return []byte(e)
	}
	b.publish("track", "1", large(1<<20))
	b.publish("track", "2", large(2<<20-400)) // one object, as a synchronous call
	b.publish("track", "3", []byte("["+string(large(1<<20-400))+","+string(large(1<<20-400))+"]"))
	for range 4 {
		b.publish("track", fmt.Sprint("more", b.sent), large(2<<20-400))
	}
	b.send("track", 10_000)
	b.drain()
	b.requireAll(0)
	assert.Zero(t, b.dead.count())
}

func TestALetterThatIsTooLargeIsCut(t *testing.T) {
	b := newBench(t)
	b.dead.most = 1 << 20
	b.publish("track", "x", []byte(strings.Repeat("x", 2<<20-200)))
	b.publish("track", "y", []byte(strings.Repeat("y", 1<<20)))
	b.drain()
	until(t, "acknowledged", b.empty)
	require.Equal(t, 2, b.dead.count())
	assert.Len(t, b.dead.letters["x.0"].Message, mostOfCut)
	assert.Contains(t, b.dead.letters["x.0"].Reason, "only its beginning")
	assert.Len(t, b.dead.letters["y.0"].Message, 1<<20)
}

func TestWhoWaitsIsToldTheOutcome(t *testing.T) {
	b := newBench(t)
	b.drain()
	inbox := b.js.Conn().NewInbox()
	answers, err := b.js.Conn().SubscribeSync(inbox)
	require.NoError(t, err)
	ask := func(payload string) string {
		b.publish("track", fmt.Sprint("sync", b.sent), []byte(payload), broker.HeaderOutcome, inbox)
		m, err := answers.NextMsg(patience)
		require.NoError(t, err)
		return string(m.Data)
	}
	b.sent = 1
	assert.JSONEq(t, `{"status":200,"code":"","task_id":""}`, ask(event("track", "production", 1, "u", "")))
	b.sent = 2
	assert.JSONEq(t, `{"status":422,"code":"invalid-event","task_id":""}`,
		ask("["+event("track", "production", 2, "u", "")+","+event("track", "production", 3, "u", `,"poison":true`)+"]"))
	b.sent = 3
	assert.JSONEq(t, `{"status":400,"code":"invalid","task_id":""}`, ask(`{"event":"x"}`))
}

func TestVerdicts(t *testing.T) {
	api := func(status int, code string) error {
		return &altertable.DeliveryError{Err: &altertable.APIError{StatusCode: status, Code: code}}
	}
	for _, c := range []struct {
		err  error
		want verdict
	}{
		{nil, done}, {api(400, ""), refused}, {api(413, ""), refused}, {api(422, "x"), refused},
		{&altertable.DeliveryError{Err: altertable.ErrTooLarge}, refused},
		{api(401, ""), account}, {api(403, "x"), account}, {api(402, ""), account}, {api(404, ""), account}, {api(302, ""), account},
		{api(421, ""), account}, {api(400, "invalid-api-key"), account}, {api(422, "unauthorized"), account},
		{api(404, "environment-not-found"), missing}, {api(422, "environment_not_found"), missing}, {api(400, "Environment archived"), missing},
		{altertable.ErrClosed, over}, {errors.Join(errors.New("x"), altertable.ErrClosed), over},
		{&altertable.DeliveryError{Err: &altertable.NetworkError{Err: errors.New("x")}}, over},
	} {
		assert.Equal(t, c.want, verdictOn(c.err), c.err)
	}
}
