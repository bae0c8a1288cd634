package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	otelexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/telemetry/otel"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// A model is a random life of several clients, whose numbers both libraries tell,
// beside what the clients and their callbacks say themselves.
type model struct {
	*testing.T
	*rand.Rand
	srv          *altertabletest.Server
	dir          string
	prom         *altertableprom.Collector
	otel         *otel.Collector
	ours, theirs *prometheus.Registry
	clients      []*altertable.Client // all that there were
	live         []*altertable.Client
	mu           sync.Mutex
	told         map[string]int     // messages by the labels of batch_messages; guarded by mu
	before       map[string]float64 // the last scrape
}

func newModel(t *testing.T, seed uint64, dir string) (*model, *metric.MeterProvider) {
	m := &model{
		T: t, Rand: rand.New(rand.NewPCG(seed, 0)), dir: dir, told: map[string]int{},
		srv:  altertabletest.NewServer(altertabletest.WithoutListener()),
		prom: altertableprom.NewCollector(altertableprom.WithEnvironments("production", "staging", "b\xffd")),
		ours: prometheus.NewPedanticRegistry(), theirs: prometheus.NewRegistry(),
	}
	m.ours.MustRegister(m.prom)
	exporter, err := otelexporter.New(otelexporter.WithRegisterer(m.theirs))
	require.NoError(t, err)
	provider := metric.NewMeterProvider(metric.WithReader(exporter))
	m.otel = otel.NewCollector(otel.WithEnvironments("production", "staging", "b\xffd"), otel.WithMeterProvider(provider))
	return m, provider
}

// open makes one more client.
func (m *model) open() {
	opts := []altertable.Option{
		altertable.WithOnDelivery(func(altertable.Delivery) { panic("a user's") }),
		m.prom.Option(),
		altertable.WithOnDelivery(m.note),
		altertable.WithOnDelivery(func(altertable.Delivery) { runtime.Goexit() }),
		m.otel.Option(),
		altertable.WithOnError(func(error) {}),
		altertable.WithBaseURL(m.srv.URL), altertable.WithHTTPClient(m.srv.HTTPClient()),
		altertable.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
		altertable.WithMaxQueueSize(1 + m.IntN(60)), altertable.WithMaxBatchSize(1 + m.IntN(20)), altertable.WithMaxInFlight(1 + m.IntN(4)),
		altertable.WithOverflow([]altertable.Overflow{altertable.DropNewest, altertable.DropOldest, altertable.Block}[m.IntN(3)]),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaxInterval: time.Second, MaxElapsed: time.Duration(1+m.IntN(60)) * time.Second}),
		altertable.WithDisabled(m.IntN(12) == 0),
		altertable.WithBeforeSend(func(message altertable.Message) altertable.Message {
			if track, ok := message.(altertable.Track); ok && track.Event == "discarded" {
				return nil
			}
			return message
		}),
	}
	switch m.IntN(6) {
	case 0, 1:
		opts = append(opts, altertable.WithSpool(filepath.Join(m.dir, "spool"), altertable.SpoolMaxBytes(int64(4+m.IntN(60))<<10)))
	case 2:
		opts = append(opts, altertable.WithSpool(filepath.Join(m.dir, "spool"), altertable.SpoolWriteOnly()))
	}
	client, err := altertable.New("key", opts...)
	require.NoError(m, err)
	m.live, m.clients = append(m.live, client), append(m.clients, client)
	for range 1 + m.IntN(2) {
		m.prom.Observe(client)
		m.otel.Observe(client)
	}
}

func (m *model) note(d altertable.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told[labelsOfDelivery(d)] += d.Count
}

func labelsOfDelivery(d altertable.Delivery) string {
	outcome, environment := "delivered", d.Environment
	if d.Err != nil {
		outcome = "lost"
	}
	switch environment {
	case "production", "staging":
	case "b\xffd", "b\uFFFDd": // the second was read from the disk
		environment = "b\uFFFDd"
	default:
		environment = "other"
	}
	return fmt.Sprintf("endpoint=%s,environment=%s,outcome=%s", d.Endpoint, environment, outcome)
}

// close ends a client, with some time or none.
func (m *model) close() {
	i := m.IntN(len(m.live))
	ctx, cancel := context.WithTimeout(m.Context(), time.Duration(m.IntN(3000))*time.Millisecond)
	defer cancel()
	_ = m.live[i].Shutdown(ctx)
	if m.IntN(3) > 0 { // else calls after Close go on
		m.live = slices.Delete(m.live, i, i+1)
	}
}

func (m *model) call(client *altertable.Client) {
	ctx, cancel := context.WithTimeout(m.Context(), 50*time.Millisecond)
	defer cancel()
	environment := []string{"", "", "staging", "somebody's", "b\xffd", "missing"}[m.IntN(6)]
	person := fmt.Sprint("u_", m.IntN(5))
	track := altertable.Track{Event: "order_placed", DistinctID: person, Environment: environment}
	switch m.IntN(12) {
	case 0:
		_ = client.Track(ctx, altertable.Track{})
	case 1:
		track.Properties = altertable.Properties{"p": strings.Repeat("x", 2<<20)}
		_ = client.Track(ctx, track)
	case 2:
		track.Event = "discarded"
		_ = client.Track(ctx, track)
	case 3:
		_, _ = client.TrackSync(ctx, track)
	case 4, 5:
		_ = client.Identify(ctx, altertable.Identify{DistinctID: person, Environment: environment})
	case 6:
		_ = client.Alias(ctx, altertable.Alias{DistinctID: person, NewUserID: "v_" + person, Environment: environment})
	case 7:
		track.Event = "poison"
		_ = client.Track(ctx, track)
	default:
		_ = client.Enqueue(ctx, track, func(error) {})
	}
}

func (m *model) fault() {
	m.srv.ClearFaults()
	m.srv.Always(altertabletest.Status(400).ErrorCode("environment-not-found").MatchBody(func(b []byte) bool { return strings.Contains(string(b), "missing") }))
	m.srv.Always(altertabletest.Status(422).MatchBody(func(b []byte) bool { return strings.Contains(string(b), "poison") }))
	all := []altertabletest.Fault{
		altertabletest.Status(503), altertabletest.Status(401), altertabletest.Status(429), altertabletest.Status(422), altertabletest.Status(421),
		altertabletest.Hang(), altertabletest.Reset(), altertabletest.Reset().AfterStoring(), altertabletest.Refuse(), altertabletest.Delay(3 * time.Second),
		altertabletest.Redirect(302, "http://localhost/"), altertabletest.Status(200).HTML("<html>"), altertabletest.Status(403).Body("no"),
	}
	if m.IntN(3) > 0 {
		fault := all[m.IntN(len(all))]
		if m.IntN(2) == 0 {
			fault = fault.On([]string{"/track", "/identify", "/alias"}[m.IntN(3)])
		}
		m.srv.Always(fault)
	}
}

// check compares a scrape of both with what the clients and their callbacks say.
func (m *model) check() {
	synctest.Wait()
	lines := gather(m.T, m.ours)
	require.Empty(m, firstDifference(lines, gather(m.T, m.theirs)))
	got := m.parse(lines)
	sum, queued, left := m.truth()
	for name, want := range map[string]int64{
		"messages_accepted_total{}": sum.Accepted, "messages_delivered_total{}": sum.Delivered, "messages_failed_total{}": sum.Failed,
		"messages_dropped_total{}": sum.Dropped, "messages_discarded_total{}": sum.Discarded, "requests_total{}": sum.Requests,
		"requests_retried_total{}": sum.Retries, "queue_messages{}": queued,
	} {
		require.EqualValues(m, want, got[name], name)
	}
	require.EqualValues(m, sum.Rejected, sumOf(got, "messages_rejected_total{", ""))
	require.EqualValues(m, sum.FailedRequests, sumOf(got, "requests_failed_total{", ""))
	require.EqualValues(m, sum.Accepted, sum.Delivered+sum.Failed+sum.Dropped+queued+left)
	require.EqualValues(m, sum.Delivered, sumOf(got, "batch_messages{", "outcome=delivered"))
	require.EqualValues(m, sum.Failed+sum.Dropped, sumOf(got, "batch_messages{", "outcome=lost"))
	m.mu.Lock()
	defer m.mu.Unlock()
	for labels, n := range m.told {
		require.EqualValues(m, n, got["batch_messages{"+labels+"}"], labels)
	}
}

// parse returns the values of gather's lines, after it checked that no counter went
// back.
func (m *model) parse(lines []string) map[string]float64 {
	got := map[string]float64{}
	for _, line := range lines {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "altertable_client_"), "{")
		labels, rest, _ := strings.Cut(rest, "} ")
		var kind string
		var value float64
		_, err := fmt.Sscan(rest, &kind, &value)
		require.NoError(m, err)
		key := name + "{" + labels + "}"
		if kind != "GAUGE" {
			require.GreaterOrEqual(m, value, m.before[key], key)
		}
		got[key] = value
	}
	m.before = got
	return got
}

// truth returns the sums over all clients, and what is queued by those that are not
// closed, and what the others left on disk.
func (m *model) truth() (sum altertable.Stats, queued, left int64) {
	for _, client := range m.clients {
		s := client.Stats()
		sum.Accepted += s.Accepted
		sum.Delivered += s.Delivered
		sum.Failed += s.Failed
		sum.Dropped += s.Dropped
		sum.Rejected += s.Rejected
		sum.Discarded += s.Discarded
		sum.Requests += s.Requests
		sum.FailedRequests += s.FailedRequests
		sum.Retries += s.Retries
		if client.Limits() == (altertable.Limits{}) {
			left += s.Queued
		} else {
			queued += s.Queued
		}
	}
	return sum, queued, left
}

// firstDifference returns the first lines that differ. Sums of seconds depend on
// their order by the last digit.
func firstDifference(ours, theirs []string) string {
	for i, line := range ours {
		if i >= len(theirs) {
			return line
		}
		if line != theirs[i] && !sameButForRounding(line, theirs[i]) {
			return line + "\n" + theirs[i]
		}
	}
	if len(theirs) > len(ours) {
		return theirs[len(ours)]
	}
	return ""
}

func sameButForRounding(line, other string) bool {
	a, b := strings.Fields(line), strings.Fields(other)
	if len(a) != len(b) || len(a) < 3 {
		return false
	}
	x, _ := strconv.ParseFloat(a[2], 64)
	y, _ := strconv.ParseFloat(b[2], 64)
	a[2], b[2] = "", ""
	return slices.Equal(a, b) && math.Abs(x-y) < 1e-6
}

func sumOf(got map[string]float64, prefix, part string) (sum float64) {
	for name, value := range got {
		if strings.HasPrefix(name, prefix) && strings.Contains(name, part) {
			sum += value
		}
	}
	return sum
}

// Whatever happens, each scrape of both libraries is what the clients say.
func TestNumbersAreTrue(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m, provider := newModel(t, seed, dir)
				m.prom.Observe(nil)
				m.otel.Observe(nil)
				for range 100 {
					switch n := m.IntN(20); {
					case len(m.live) == 0 || n == 0 && len(m.live) < 5:
						m.open()
					case n == 1:
						m.close()
					case n < 4:
						m.fault()
					case n < 8:
						<-time.After(time.Duration(m.IntN(8000)) * time.Millisecond)
					default:
						client := m.live[m.IntN(len(m.live))]
						for range m.IntN(30) {
							m.call(client)
						}
					}
					m.check()
				}
				m.srv.ClearFaults()
				for _, client := range m.clients {
					_ = client.Close()
				}
				m.check()
				assert.NotEmpty(t, m.told)
				require.NoError(t, provider.Shutdown(t.Context()))
				m.srv.Close()
			})
		})
	}
}
