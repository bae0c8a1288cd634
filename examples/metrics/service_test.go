package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A memoryListener accepts connections of the own process, so that HTTP works in
// virtual time.
type memoryListener struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    func()
}

func newMemoryListener() *memoryListener {
	closed := make(chan struct{})
	return &memoryListener{make(chan net.Conn), closed, sync.OnceFunc(func() { close(closed) })}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.close()
	return nil
}

func (l *memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (l *memoryListener) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.accepted <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// running is the service in virtual time.
type running struct {
	t        *testing.T
	service  *service
	listener net.Listener
	http     *http.Client
	stop     context.CancelFunc
	ended    chan error
}

// start starts the service, which places an order every so often.
func start(t *testing.T, every time.Duration) *running {
	t.Helper()
	s, err := newService()
	require.NoError(t, err)
	listener := newMemoryListener()
	r := &running{t: t, service: s, listener: listener, ended: make(chan error, 1)}
	r.http = &http.Client{Transport: &http.Transport{DialContext: listener.dial, DisableKeepAlives: true}}
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() { r.ended <- s.serve(ctx, listener, every) }()
	return r
}

// virtually runs a test in virtual time, against the embedded server.
func virtually(t *testing.T, spool string, test func(t *testing.T)) {
	t.Helper()
	withoutVariables(t)
	t.Setenv("ALTERTABLE_SPOOL", spool)
	writer := log.Writer()
	log.SetOutput(io.Discard)
	defer log.SetOutput(writer)
	synctest.Test(t, test)
}

func (r *running) do(method, path string) (status int, body string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://service"+path, nil)
	require.NoError(r.t, err)
	response, err := r.http.Do(request)
	require.NoError(r.t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return response.StatusCode, string(text)
}

// order places n orders.
func (r *running) order(n int) {
	r.t.Helper()
	for range n {
		status, _ := r.do(http.MethodPost, "/orders")
		require.Equal(r.t, http.StatusCreated, status)
	}
}

func (r *running) setFault(query string) {
	r.t.Helper()
	status, text := r.do(http.MethodPost, "/faults?"+query)
	require.Equal(r.t, http.StatusOK, status, text)
}

func (r *running) clearFaults() {
	r.t.Helper()
	status, text := r.do(http.MethodDelete, "/faults")
	require.Equal(r.t, http.StatusOK, status, text)
}

// A scrape is the values by the names and labels, without the common prefix of the
// client's.
type scrape map[string]float64

func (r *running) scrape() scrape {
	r.t.Helper()
	status, text := r.do(http.MethodGet, "/metrics")
	require.Equal(r.t, http.StatusOK, status)
	values := scrape{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		require.NoError(r.t, err, line)
		values[strings.TrimPrefix(line[:at], "altertable_client_")] = value
	}
	return values
}

// end stops the service, and returns how long that took.
func (r *running) end() (time.Duration, error) {
	begun := time.Now()
	r.stop()
	err := <-r.ended
	return time.Since(begun), err
}

const (
	accepted     = "messages_accepted_total"
	delivered    = "messages_delivered_total"
	failed       = "messages_failed_total"
	dropped      = "messages_dropped_total"
	queued       = "queue_messages"
	oldestAge    = "queue_oldest_age_seconds"
	successAge   = "last_success_age_seconds"
	unauthorized = `requests_failed_total{reason="unauthorized"}`
	errored      = `requests_failed_total{reason="errored"}`
)

func TestOutage(t *testing.T) {
	virtually(t, "", func(t *testing.T) {
		s := start(t, 100*time.Millisecond)
		time.Sleep(10 * time.Second)
		early := s.scrape()
		time.Sleep(10 * time.Second)
		before := s.scrape()
		assert.InDelta(t, 100, before[delivered]-early[delivered], 15)
		assert.Zero(t, before[errored])
		assert.Less(t, before[oldestAge], 1.5)
		assert.NotZero(t, before[`delivery_duration_seconds_count{endpoint="track",outcome="delivered"}`])
		assert.Contains(t, before, "go_goroutines", "the process is there as well")

		s.setFault("status=503")
		time.Sleep(10 * time.Second)
		begun := s.scrape()
		time.Sleep(30 * time.Second)
		during := s.scrape()
		assert.Equal(t, begun[delivered], during[delivered])
		assert.Greater(t, begun[errored], before[errored])
		assert.Greater(t, during[errored], begun[errored])
		assert.InDelta(t, begun[oldestAge]+30, during[oldestAge], 0.001)
		assert.InDelta(t, begun[successAge]+30, during[successAge], 0.001)
		assert.InDelta(t, begun[queued]+300, during[queued], 1)
		assert.Equal(t, during[accepted], during[delivered]+during[queued])

		s.clearFaults()
		time.Sleep(10 * time.Second) // the client looks within 7.5 seconds
		after := s.scrape()
		assert.Less(t, after[oldestAge], 1.5)
		assert.Equal(t, during[errored], after[errored])
		assert.Equal(t, after[accepted], after[delivered]+after[queued])

		took, err := s.end()
		require.NoError(t, err)
		assert.Less(t, took, time.Second)
		stats := s.service.client.Stats()
		assert.InDelta(t, 700, stats.Accepted, 5)
		assert.Equal(t, stats.Accepted, stats.Delivered, "nothing is lost")
		assert.Len(t, s.service.embedded.Events(), int(stats.Accepted))
	})
}

func TestEachOrderArrives(t *testing.T) {
	virtually(t, "", func(t *testing.T) {
		s := start(t, 0)
		s.order(10)
		time.Sleep(2 * time.Second)
		before := s.scrape()
		assert.Equal(t, 10.0, before[delivered])
		s.setFault("status=503")
		s.order(10)
		time.Sleep(time.Minute)
		assert.Equal(t, 10.0, s.scrape()[queued])
		s.clearFaults()
		time.Sleep(10 * time.Second)
		after := s.scrape()
		assert.Equal(t, 20.0, after[accepted])
		assert.Equal(t, 20.0, after[delivered])
		assert.Zero(t, after[queued])
		assert.Zero(t, after[failed]+after[dropped])
		_, err := s.end()
		require.NoError(t, err)
	})
}

// A refused key costs the events, unless they are on disk.
func TestRefusedKey(t *testing.T) {
	virtually(t, "", func(t *testing.T) {
		s := start(t, 0)
		s.setFault("status=401")
		s.order(10)
		time.Sleep(10 * time.Second)
		refused := s.scrape()
		assert.Equal(t, 10.0, refused[failed])
		assert.NotZero(t, refused[unauthorized])
		assert.Zero(t, refused["spool_size_limit_bytes"])
		_, err := s.end()
		require.NoError(t, err)
	})
	virtually(t, t.TempDir(), func(t *testing.T) {
		s := start(t, 0)
		s.setFault("status=401")
		s.order(10)
		time.Sleep(20 * time.Second)
		refused := s.scrape()
		assert.Zero(t, refused[failed])
		assert.Equal(t, 10.0, refused[queued])
		assert.NotZero(t, refused["spool_size_bytes"])
		assert.Greater(t, refused[unauthorized], 2.0, "the client asks again")
		s.clearFaults()
		time.Sleep(10 * time.Second)
		accepted := s.scrape()
		assert.Equal(t, 10.0, accepted[delivered])
		assert.Zero(t, accepted[queued])
		_, err := s.end()
		require.NoError(t, err)
	})
}

// What a stopped service could not deliver, it says; with a spool the next one
// does it.
func TestEndDuringAnOutage(t *testing.T) {
	virtually(t, "", func(t *testing.T) {
		s := start(t, 0)
		s.setFault("status=503")
		s.order(3)
		took, err := s.end()
		require.NoError(t, err)
		assert.InDelta(t, 10, took.Seconds(), 0.5)
		assert.EqualValues(t, 3, s.service.client.Stats().Dropped)
	})
	dir := t.TempDir()
	virtually(t, dir, func(t *testing.T) {
		s := start(t, 0)
		s.setFault("status=503")
		s.order(3)
		took, err := s.end()
		require.NoError(t, err)
		assert.LessOrEqual(t, took, 11*time.Second)
		assert.EqualValues(t, 3, s.service.client.Stats().Queued)

		s = start(t, 0)
		time.Sleep(2 * time.Second)
		assert.Equal(t, 3.0, s.scrape()[delivered])
		_, err = s.end()
		require.NoError(t, err)
	})
}

// A server that fails ends the rest as well as a signal does.
func TestServerFails(t *testing.T) {
	virtually(t, "", func(t *testing.T) {
		s := start(t, 100*time.Millisecond)
		time.Sleep(1050 * time.Millisecond)
		require.NoError(t, s.listener.Close())
		assert.ErrorIs(t, <-s.ended, net.ErrClosed)
		stats := s.service.client.Stats()
		assert.EqualValues(t, 10, stats.Accepted)
		assert.EqualValues(t, 10, stats.Delivered)
	})
}

// A queue that is full takes no more orders' events, and says so in its numbers.
func TestFullQueue(t *testing.T) {
	virtually(t, "", func(t *testing.T) {
		s := start(t, 10*time.Millisecond)
		s.setFault("status=503")
		time.Sleep(20 * time.Second)
		full := s.scrape()
		assert.Equal(t, 1000.0, full[queued])
		assert.Equal(t, full[queued], full["queue_messages_limit"])
		assert.InDelta(t, 1000, full[`messages_rejected_total{reason="full"}`], 5)
		s.clearFaults()
		_, err := s.end()
		require.NoError(t, err)
	})
}
