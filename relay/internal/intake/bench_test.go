//go:build unix

package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

// event is one of 460 bytes.
func event(i int) string {
	return fmt.Sprintf(`{"environment":"production","event":"checkout_completed","properties":{"$ip":0,"$lib":"altertable-go","$lib_version":"0.2.0",`+
		`"plan":"enterprise","seats":25,"amount":1249.5,"currency":"EUR","country":"DE","source":"newsletter","coupon":"AUTUMN-2026","trial":false,`+
		`"referrer":"https://www.example.com/pricing?utm_source=newsletter"},"distinct_id":"user_%010d","timestamp":"2026-11-27T12:00:00.000000Z"}`, i)
}

// lacking takes away what the intake adds.
func lacking(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, `"$ip":0,`, ""), `,"timestamp":"2026-11-27T12:00:00.000000Z"`, "")
}

// cpu is what the process has used: the embedded broker's too.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIntake is a request without a socket, of events of 460 bytes, from the
// handler's call to its answer: with an embedded broker, which shares the process,
// and with one that acknowledges at once.
func BenchmarkIntake(b *testing.B) {
	for _, c := range []struct {
		name   string
		events int
		text   func(string) string
		broker bool
	}{
		{"100 complete, no broker", 100, strings.Clone, false},
		{"100 lacking, no broker", 100, lacking, false},
		{"1 complete, no broker", 1, strings.Clone, false},
		{"100 complete", 100, strings.Clone, true},
		{"100 lacking", 100, lacking, true},
		{"1 complete", 1, strings.Clone, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			broker := openBroker(b)
			o := intake.Options{}
			if !c.broker {
				o.JetStream = wrap(broker, func(context.Context, *nats.Msg, func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
					return &jetstream.PubAck{}, nil
				})
			}
			benchmark(b, startOn(b, broker, o), []byte(c.text(list(c.events, event))), c.events)
		})
	}
}

func benchmark(b *testing.B, s *service, text []byte, events int) {
	number := bytes.Index(text, []byte("user_")) + len("user_")
	begin := cpu(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		copy(text[number:], fmt.Sprintf("%010d", i)) // another body each time
		r := httptest.NewRequest(http.MethodPost, "/track", io.NopCloser(bytes.NewReader(text)))
		r.Header["Content-Type"], r.Header["X-Api-Key"] = []string{"application/json"}, []string{token}
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != 200 { // the stream is full
			if err := streamOf(b, s.broker, "acme").Purge(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(b.N*events), "cpu-ns/event")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}

// BenchmarkGather is 64 requests at the same time, of one event and of 100, with the
// embedded broker, as they are and sharing messages.
func BenchmarkGather(b *testing.B) {
	for _, events := range []int{1, 100} {
		for _, gathers := range []bool{false, true} {
			b.Run(fmt.Sprintf("events=%d/gather=%v", events, gathers), func(b *testing.B) {
				broker := openStreams(b, broker.Tenant{Name: "acme", MaxBytes: 8 << 30})
				o := intake.Options{JetStream: broker.JetStream}
				if gathers {
					o.Gather = gathering(b, broker)
				}
				benchmarkMany(b, startOn(b, broker, o), list(events, event), events)
			})
		}
	}
}

func benchmarkMany(b *testing.B, s *service, text string, events int) {
	const goroutines = 64
	var number atomic.Int64
	var group sync.WaitGroup
	begin := cpu(b)
	b.ResetTimer()
	for range goroutines {
		group.Go(func() {
			text := []byte(text)
			at := bytes.Index(text, []byte("user_")) + len("user_")
			for i := number.Add(1); i <= int64(b.N); i = number.Add(1) {
				copy(text[at:], fmt.Sprintf("%010d", i)) // another body each time
				r := httptest.NewRequest(http.MethodPost, "/track", io.NopCloser(bytes.NewReader(text)))
				r.Header["Content-Type"], r.Header["X-Api-Key"] = []string{"application/json"}, []string{token}
				w := httptest.NewRecorder()
				if s.ServeHTTP(w, r); w.Code != 200 {
					b.Errorf("answer %d", w.Code)
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(b.N*events), "cpu-ns/event")
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
}
