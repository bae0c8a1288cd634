package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// asCommand makes the test binary the command, so that processes can be tested.
const asCommand = "ALTERTABLE_TEST_AS_RELAY"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// Secrets of the tests. They are in no output.
const (
	apiKey = "sk_5ecret-of-the-api"
	token  = "tk_5ecret-of-producers"
	person = "u_5ecret-person"
)

// patience of the tests, for what takes milliseconds on a machine that does nothing else.
const deadline = 2 * time.Minute

// A screen is what a command writes. It can be waited for.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next write
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// wait waits until pattern is there, and returns its first group, if it has one.
func (s *screen) wait(t testing.TB, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for timeout := time.After(deadline); ; {
		s.mu.Lock()
		match, changed := re.FindStringSubmatch(s.text.String()), s.changed
		s.mu.Unlock()
		if match != nil {
			return match[len(match)-1]
		}
		select {
		case <-changed:
		case <-timeout:
			require.Failf(t, "never written", "%s\n%s", pattern, s)
		}
	}
}

// A served is a relay of this process.
type served struct {
	t          testing.TB
	out, err   *screen
	url, admin string
	end        context.CancelFunc
	ended      chan int
}

// serveWith starts a relay on free ports.
func serveWith(t testing.TB, env map[string]string, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{t: t, out: newScreen(), err: newScreen(), end: cancel, ended: make(chan int, 1)}
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)
	go func() { s.ended <- run(ctx, args, terminal{lookup(env), s.out, s.err}) }()
	t.Cleanup(func() { s.stop() })
	s.admin = s.out.wait(t, `admin +(\S+):`)
	if strings.Contains(s.out.String(), "producers") {
		s.url = s.out.wait(t, `producers +(\S+),`)
	}
	return s
}

func lookup(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

// working waits until the relay has recovered.
func (s *served) working() *served {
	s.t.Helper()
	s.err.wait(s.t, "relay works")
	return s
}

// stop ends the relay and returns the exit status, and says if a secret was written.
func (s *served) stop() int {
	s.end()
	select {
	case status := <-s.ended:
		s.ended <- status
		for _, secret := range []string{apiKey, token, person} {
			assert.NotContains(s.t, s.out.String()+s.err.String(), secret)
		}
		return status
	case <-time.After(2 * deadline):
		require.Fail(s.t, "the relay does not end", "%s\n%s", s.out, s.err)
		return -1
	}
}

// client returns a producer.
func (s *served) client(key string, options ...altertable.Option) *altertable.Client {
	s.t.Helper()
	client, err := altertable.New(key, append([]altertable.Option{
		altertable.WithBaseURL(s.url), altertable.WithLogger(slog.New(slog.DiscardHandler)),
	}, options...)...)
	require.NoError(s.t, err)
	return client
}

// track sends events and waits until the relay has stored them.
func (s *served) track(key string, names ...string) {
	s.t.Helper()
	client := s.client(key)
	for _, name := range names {
		require.NoError(s.t, client.Track(s.t.Context(), altertable.Track{Event: name, DistinctID: person}))
	}
	require.NoError(s.t, client.Close())
}

// get asks the admin port, as the command does.
func (s *served) get(path string) (int, string) {
	s.t.Helper()
	return fetch(s.t, http.MethodGet, s.admin+path, nil)
}

func fetch(t testing.TB, method, url string, change func(*http.Request)) (int, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	q.Header.Set(controlHeader, "test")
	if change != nil {
		change(q)
	}
	resp, err := http.DefaultTransport.RoundTrip(q)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// runCommand runs a command to its end.
func runCommand(t testing.TB, env map[string]string, args ...string) (status int, out, errOut string) {
	t.Helper()
	o, e := newScreen(), newScreen()
	ctx, cancel := context.WithTimeout(t.Context(), 2*deadline)
	defer cancel()
	status = run(ctx, args, terminal{lookup(env), o, e})
	for _, secret := range []string{apiKey, token} {
		assert.NotContains(t, o.String()+e.String(), secret)
	}
	return status, o.String(), e.String()
}

// cacheIn makes the default data directories ones of the test.
func cacheIn(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, dir)
	}
	return dir
}

func writeFile(t testing.TB, name, content string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func contextOf(t testing.TB) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}

// send posts a body to /track.
func send(t testing.TB, url, key, body string) (int, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/track", strings.NewReader(body))
	require.NoError(t, err)
	q.Header.Set("X-API-Key", key)
	q.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}
