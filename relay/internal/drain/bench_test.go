package drain

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// roleVariable says what a process started by a benchmark is, instead of a test.
const roleVariable = "ALTERTABLE_DRAIN_BENCH"

// play is the API or the broker, in a process of its own, until its input ends.
func play(role string) {
	switch role {
	case "api":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println("http://" + l.Addr().String())
		go func() {
			_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, `{"ok":true}`)
			}))
		}()
	case "broker":
		dir, err := os.MkdirTemp("", "drain-bench")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true, MaxPayload: 4 << 20})
		if err != nil {
			panic(err)
		}
		srv.Start()
		srv.ReadyForConnections(time.Minute)
		fmt.Println(srv.ClientURL())
		defer srv.WaitForShutdown()
		defer srv.Shutdown()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// begin starts such a process, and returns its address.
func begin(b *testing.B, role string) string {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"="+role)
	in, err := c.StdinPipe()
	require.NoError(b, err)
	out, err := c.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, c.Start())
	b.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(line)
}

// BenchmarkDrain drains b.N JetStream messages of 100 events each. The broker and the API
// are other processes: what is measured is this one's time and processor.
func BenchmarkDrain(b *testing.B) {
	api, url := begin(b, "api"), begin(b, "broker")
	conn, err := nats.Connect(url)
	require.NoError(b, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(b, err)
	fake := &bench{js: js, ttl: 15 * time.Second, ack: time.Minute}
	fill(b, fake)
	d, err := New(Options{
		Tenant: "acme", APIKey: "key", BaseURL: api, JetStream: js, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(b, err)
	runtime.GC()
	began, used := time.Now(), processor()
	b.ResetTimer()
	go d.Run()
	peak := uint64(0)
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		stream, err := js.Stream(context.Background(), broker.Stream("acme"))
		require.NoError(b, err)
		if stream.CachedInfo().State.Msgs == 0 {
			break
		}
		metrics.Read(heap) // which, unlike runtime.ReadMemStats, does not stop the process
		peak = max(peak, heap[0].Value.Uint64())
		time.Sleep(20 * time.Millisecond)
	}
	b.StopTimer()
	events := float64(100 * b.N)
	b.ReportMetric(float64(processor()-used)/events/1e3, "cpu-us/event")
	b.ReportMetric(events/time.Since(began).Seconds(), "events/s")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
	b.ReportMetric(0, "ns/op")
	require.NoError(b, d.Shutdown(context.Background()))
}

func fill(b *testing.B, fake *bench) {
	ctx := context.Background()
	_, err := fake.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: broker.Stream("acme"), Subjects: []string{"altertable.v1.acme.>"}, Retention: jetstream.WorkQueuePolicy, Compression: jetstream.S2Compression,
	})
	require.NoError(b, err)
	for name, subject := range map[string]string{broker.EventsConsumer: "altertable.v1.acme.track", broker.IdentifyConsumer: "altertable.v1.acme.identify.0"} {
		_, err := fake.js.CreateOrUpdateConsumer(ctx, broker.Stream("acme"), jetstream.ConsumerConfig{
			Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: fake.ack, MaxDeliver: -1, MaxAckPending: 4096,
			FilterSubject: subject, PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{broker.Group}, PinnedTTL: fake.ttl,
		})
		require.NoError(b, err)
	}
	for i := range b.N {
		var parts []string
		for j := range 100 {
			parts = append(parts, event("track", "production", 100*i+j, fmt.Sprintf("u_%d", (i*31+j)%5000),
				fmt.Sprintf(`,"$ip":0,"$lib":"altertable-go","$lib_version":"0.2.0","plan":"business","amount":%d.5,"currency":"EUR","path":"/orders/%d","coupon":"WELCOME10"`, i, j)))
		}
		_, err := fake.js.PublishMsgAsync(&nats.Msg{Subject: "altertable.v1.acme.track", Data: []byte("[" + strings.Join(parts, ",") + "]"),
			Header: nats.Header{nats.MsgIdHdr: {fmt.Sprint("id-", i)}}})
		require.NoError(b, err)
	}
	<-fake.js.PublishAsyncComplete()
}
