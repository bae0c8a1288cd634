//go:build unix

package natsqueue_test

import (
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/natsqueue"
)

// BenchmarkDelivery delivers events through JetStream, and beside it over plain HTTP:
// to a server that checks the JSON before it answers, as an API has to, and to one
// that does nothing at all. Broker and server are processes of their own, so the CPU
// time is the producer's alone. But they share the machine with it: on two cores, the
// throughput is that of both together. The ratios are those of JetStream to HTTP, the
// medians of rounds:
//
//	go test -run '^$' -bench Delivery -benchtime 500000x .
func BenchmarkDelivery(b *testing.B) {
	for _, server := range []string{"checks", "discards"} {
		b.Run("beside=HTTP-"+server, func(b *testing.B) { compare(b, server) })
	}
}

func compare(b *testing.B, server string) {
	const rounds = 5
	broker, sink := start(b, "broker "+b.TempDir()), start(b, "sink "+server)
	js := connect(b, "nats://"+broker.address)
	stream := newStream(b, js, "acme")
	throughHTTP := func() []altertable.Option {
		return []altertable.Option{altertable.WithBaseURL("http://" + sink.address)}
	}
	throughNATS := func() []altertable.Option {
		return []altertable.Option{
			altertable.WithHTTPClient(&http.Client{Transport: natsqueue.New(js, "acme")}),
			altertable.WithMaxBatchBytes(1000 << 10),
		}
	}
	n := max(b.N/rounds, 1)
	deliver(b, n, throughHTTP()) // both have got going
	deliver(b, n, throughNATS())
	b.ResetTimer()
	var speed, cpu, httpCPU, natsCPU, perSecond []float64
	for range rounds {
		plain := deliver(b, n, throughHTTP())
		queued := deliver(b, n, throughNATS())
		speed = append(speed, plain.wall/queued.wall)
		cpu = append(cpu, queued.cpu/plain.cpu)
		httpCPU, natsCPU = append(httpCPU, plain.cpu), append(natsCPU, queued.cpu)
		perSecond = append(perSecond, 1e6/queued.wall)
	}
	b.StopTimer()
	info, err := stream.Info(within(b))
	require.NoError(b, err)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(speed), "throughput-ratio")
	b.ReportMetric(median(cpu), "CPU-ratio")
	b.ReportMetric(median(httpCPU), "HTTP-CPU-us/event")
	b.ReportMetric(median(natsCPU), "CPU-us/event")
	b.ReportMetric(median(perSecond), "events/s")
	b.ReportMetric(float64((rounds+1)*n)/float64(info.State.Msgs), "events/message")
}

// A cost is what one event took, in microseconds.
type cost struct{ wall, cpu float64 }

// deliver measures the delivery of n events by a new client.
func deliver(b *testing.B, n int, opts []altertable.Option) cost {
	b.Helper()
	client, err := altertable.New("pk_secret", append(opts, altertable.WithOverflow(altertable.Block))...)
	require.NoError(b, err)
	event := altertable.Track{Event: "checkout_completed", DistinctID: "u_01jza857w4f23s1hf2s61befmw", Properties: altertable.Properties{
		"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3, "trial": false, "cart_id": "cart_8f14e45fceea", "seats": 5,
	}}
	const producers = 1
	began, used := time.Now(), cpuTime(b)
	var group sync.WaitGroup
	for p := range producers {
		group.Go(func() {
			for range (p+1)*n/producers - p*n/producers {
				if err := client.Track(ctx, event); err != nil {
					panic(err)
				}
			}
		})
	}
	group.Wait()
	require.NoError(b, client.Shutdown(within(b)))
	c := cost{float64(time.Since(began).Microseconds()) / float64(n), float64((cpuTime(b) - used).Microseconds()) / float64(n)}
	require.EqualValues(b, n, client.Stats().Delivered)
	return c
}

// cpuTime returns what this process has used on all cores.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
