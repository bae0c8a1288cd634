package broker

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// randomBody is n events of about 460 bytes whose ids and values are random.
func randomBody(t testing.TB, n int) []byte {
	t.Helper()
	events := make([]map[string]any, n)
	for i := range events {
		events[i] = map[string]any{
			"event": "checkout_completed", "environment": "production", "timestamp": time.Now().UTC(),
			"distinct_id": uuid.NewString(), "anonymous_id": uuid.NewString(),
			"properties": map[string]any{
				"order_id": uuid.NewString(), "amount": i * 7919 % 10000, "currency": "EUR", "plan": "pro",
				"$lib": "altertable-go", "$lib_version": "0.2.0", "path": "/checkout/" + uuid.NewString(), "session": uuid.NewString(),
			},
		}
	}
	data, err := json.Marshal(events)
	require.NoError(t, err)
	return data
}

func diskBytes(t testing.TB, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				n += info.Size()
			}
		}
		return err
	})
	require.NoError(t, err)
	return n
}

func benchOpen(b *testing.B, o Options) *Broker {
	b.Helper()
	broker, err := Open(o, Tenant{Name: "acme", MaxBytes: 32 << 30})
	require.NoError(b, err)
	b.Cleanup(broker.Close)
	<-broker.Started()
	return broker
}

// BenchmarkPublish stores messages of 100 events, each answered once it is on disk.
func BenchmarkPublish(b *testing.B) { benchPublish(b, 100) }

// BenchmarkPublishOne stores messages of one event: each waits for the disk too.
func BenchmarkPublishOne(b *testing.B) { benchPublish(b, 1) }

// BenchmarkPublishLarge stores messages of about 250 KB: what one wait for the disk
// can be shared by.
func BenchmarkPublishLarge(b *testing.B) { benchPublish(b, 550) }

func benchPublish(b *testing.B, events int) {
	b.Helper()
	bodies := make([][]byte, 64)
	for i := range bodies {
		bodies[i] = randomBody(b, events)
	}
	for _, compress := range []bool{false, true} {
		for _, workers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("s2=%v/goroutines=%d", compress, workers), func(b *testing.B) {
				dir := b.TempDir()
				broker := benchOpen(b, Options{Data: dir, Compress: compress})
				b.SetBytes(int64(len(bodies[0])))
				b.ResetTimer()
				publishAll(b, broker.JetStream(), bodies, workers)
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
				b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
				b.ReportMetric(float64(diskBytes(b, dir))/float64(b.N*events), "disk-B/event")
			})
		}
	}
}

func publishAll(b *testing.B, js jetstream.JetStream, bodies [][]byte, workers int) {
	b.Helper()
	var next atomic.Int64
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				_, err := js.Publish(b.Context(), Subject("acme", "track"), bodies[i%int64(len(bodies))], jetstream.WithMsgID(fmt.Sprint(i)))
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

// BenchmarkRestart opens a store of 10,000 messages of 100 events.
func BenchmarkRestart(b *testing.B) {
	o := Options{Data: b.TempDir(), Compress: true}
	broker := benchOpen(b, o)
	data := randomBody(b, 100)
	for i := range 10_000 {
		_, err := broker.JetStream().PublishAsync(Subject("acme", "track"), data)
		require.NoError(b, err)
		if i%100 == 99 {
			<-broker.JetStream().PublishAsyncComplete()
		}
	}
	broker.Close()
	for _, killed := range []bool{false, true} {
		b.Run(fmt.Sprintf("killed=%v", killed), func(b *testing.B) {
			var starting time.Duration
			for range b.N {
				if killed { // what a process leaves that had no time to write it
					require.NoError(b, os.Remove(filepath.Join(streamDir(o.Data), "msgs", "index.db")))
				}
				begin := time.Now()
				broker, err := Open(o, Tenant{Name: "acme", MaxBytes: 32 << 30})
				require.NoError(b, err)
				<-broker.Started()
				starting += time.Since(begin)
				broker.Close()
			}
			b.ReportMetric(starting.Seconds()/float64(b.N), "s/start")
		})
	}
}
