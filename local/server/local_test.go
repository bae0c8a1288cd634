package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
)

func TestMain(m *testing.M) {
	forgetful()
	Engine()
	_ = os.Setenv("GORACE", "halt_on_error=1 atexit_sleep_ms=0") // what the engine prints is not shown
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeBinaries()
		os.Exit(code)
	}))
}

// A running server and what a test asks of it.
type running struct {
	t testing.TB
	*Server
	http *http.Client
	key  string
}

func startLocal(t *testing.T, c Config) *running {
	t.Helper()
	s, err := Start(c)
	require.NoError(t, err)
	r := &running{t: t, Server: s, http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(r.stop)
	return r
}

// stop may be called before the test's end.
func (r *running) stop() {
	r.http.CloseIdleConnections()
	if r.Server != nil {
		assert.NoError(r.t, r.Server.Close())
		r.Server = nil
	}
}

func (r *running) client(options ...altertable.Option) *altertable.Client {
	r.t.Helper()
	options = append([]altertable.Option{
		altertable.WithBaseURL(r.url),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 10 * time.Millisecond}),
	}, options...)
	client, err := altertable.New("key", options...)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = client.Close() }) // the test's Flush tells what was lost
	return client
}

// do sends a request, and returns the status and the body.
func (r *running) do(method, path, body string, change ...func(*http.Request)) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, bytes.NewBufferString(body))
	require.NoError(r.t, err)
	request.Header.Set("Content-Type", "application/json")
	if r.key != "" {
		request.Header.Set("X-Api-Key", r.key)
	}
	for _, c := range change {
		c(request)
	}
	resp, err := r.http.Do(request)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp.StatusCode, string(answer)
}

func (r *running) post(path, body string) (int, string) {
	r.t.Helper()
	return r.do(http.MethodPost, path, body, func(request *http.Request) { request.Header.Set("X-Api-Key", "key") })
}

// ask returns the status and the answer to a query.
func (r *running) ask(sql string) (int, string) {
	r.t.Helper()
	body, err := json.Marshal(map[string]string{"sql": sql})
	require.NoError(r.t, err)
	return r.do(http.MethodPost, "/query", string(body))
}

// rows returns the rows of a query as JSON, an array of arrays.
func (r *running) rows(sql string) string {
	r.t.Helper()
	status, answer := r.ask(sql)
	require.Equal(r.t, http.StatusOK, status, answer)
	var found struct {
		Rows      json.RawMessage `json:"rows"`
		Truncated bool            `json:"truncated"`
	}
	require.NoError(r.t, json.Unmarshal([]byte(answer), &found))
	require.False(r.t, found.Truncated)
	return string(found.Rows)
}

// at is an instant of the tests' day.
func at(second int) time.Time { return time.Date(2026, 1, 2, 12, 0, second, 0, time.UTC) }

// lastPort is below the range from which systems take the ports of outgoing connections
// and of listeners that name none: one of those would get the port of a server between its
// end and its next start.
var lastPort = func() *atomic.Int32 {
	p := new(atomic.Int32)
	p.Store(int32(rand.IntN(22_000)))
	return p
}()

// freePort returns a port for a server that is to be started there again.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := int(10_000 + lastPort.Add(1)%22_000)
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func portOf(t testing.TB, rawURL string) int {
	t.Helper()
	u, err := url.Parse(rawURL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return port
}
