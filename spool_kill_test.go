//go:build unix

package altertable_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// The environment of a child process that is there to be killed.
const (
	childDir  = "ALTERTABLE_TEST_CHILD_DIR"
	childURL  = "ALTERTABLE_TEST_CHILD_URL"
	childName = "ALTERTABLE_TEST_CHILD_NAME"
	childSync = "ALTERTABLE_TEST_CHILD_SYNC" // not empty: with SpoolSync
	childMax  = "ALTERTABLE_TEST_CHILD_MAX"  // SpoolMaxBytes
	childMute = "ALTERTABLE_TEST_CHILD_MUTE" // not empty: with SpoolWriteOnly
	childTend = "ALTERTABLE_TEST_CHILD_TEND" // not empty: adopts all the time

	childTest = "ALTERTABLE_TEST_CHILD_TEST" // the directory of a child that runs a single test
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		trackUntilKilled(dir)
		return
	}
	if os.Getenv(childTest) != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

func childClient(dir, url string, opts ...altertable.Option) (*altertable.Client, error) {
	return altertable.New("key", append([]altertable.Option{
		altertable.WithBaseURL(url), altertable.WithSpool(dir), altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 10 * time.Millisecond}),
		altertable.WithFlushInterval(time.Millisecond), altertable.WithMaxQueueSize(500),
	}, opts...)...)
}

// trackUntilKilled is the child's main function. It prints "start" before it
// adopts, a line for each message once it is accepted, and "full" for each that
// the disk refused.
func trackUntilKilled(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	if os.Getenv(childTend) != "" {
		altertable.TendOften()
	}
	var options []altertable.SpoolOption
	if os.Getenv(childSync) != "" {
		options = append(options, altertable.SpoolSync())
	}
	if os.Getenv(childMute) != "" {
		options = append(options, altertable.SpoolWriteOnly())
	}
	if size, err := strconv.ParseInt(os.Getenv(childMax), 10, 64); err == nil {
		options = append(options, altertable.SpoolMaxBytes(size))
	}
	fmt.Println("start")
	client, err := childClient(dir, os.Getenv(childURL), altertable.WithSpool(dir, options...))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s-%d", os.Getenv(childName), i)
		if client.Track(context.Background(), event(name)) != nil {
			name = "full"
		}
		if _, err := fmt.Println(name); err != nil {
			os.Exit(1)
		}
	}
}

// killAfter runs a child, by way of a shell command if given, and kills it
// after it has printed so many lines. It returns the names of what it accepted,
// and how often the disk was full.
func killAfter(t *testing.T, dir, url, name, shell string, lines int, env ...string) (accepted []string, full int) {
	self, err := os.Executable()
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	child := exec.Command(self)
	if shell != "" {
		child = exec.Command("sh", "-c", shell+`; exec "$0"`, self)
	}
	child.Env = append(append(os.Environ(), childDir+"="+dir, childURL+"="+url, childName+"="+name), env...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	for scanner := bufio.NewScanner(out); scanner.Scan(); { // to the end: what it printed before it died counts
		switch scanner.Text() {
		case "start":
		case "full":
			full++
		default:
			accepted = append(accepted, scanner.Text())
		}
		if lines--; lines == 0 {
			_ = child.Process.Kill() // SIGKILL; Wait tells
		}
	}
	_ = child.Wait() // it was killed
	return accepted, full
}

// faultyAPI answers two of three requests with success, and loses the answer of some.
func faultyAPI(t *testing.T) (api *httptest.Server, srv *altertabletest.Server, down *atomic.Bool) {
	srv = altertabletest.NewServer(altertabletest.WithBodyHistory(0))
	t.Cleanup(srv.Close)
	down = new(atomic.Bool)
	var count atomic.Int64
	api = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := count.Add(1); {
		case down.Load() || n%3 == 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case n%7 == 0:
			srv.Handler().ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			srv.Handler().ServeHTTP(w, r)
		}
	}))
	t.Cleanup(api.Close)
	return api, srv, down
}

// deliverRest lets a client of this process deliver what is left, and checks
// that every accepted message has arrived.
func deliverRest(t *testing.T, dir, url string, srv *altertabletest.Server, accepted []string) {
	t.Helper()
	client, err := childClient(dir, url)
	require.NoError(t, err)
	require.NoError(t, client.Shutdown(within(t, time.Minute)))
	assert.EqualValues(t, 0, client.Stats().Queued)
	arrived := map[string]int{}
	duplicates := 0
	for _, name := range stored(srv) {
		if arrived[name]++; arrived[name] > 1 {
			duplicates++
		}
	}
	missing := 0
	for _, name := range accepted {
		if arrived[name] == 0 {
			missing++
		}
	}
	assert.Zero(t, missing, "of %d accepted", len(accepted))
	assert.Empty(t, segments(t, dir), "except files with a torn line, which are set aside")
	t.Logf("%d accepted, %d missing, %d arrived twice", len(accepted), missing, duplicates)
}

// deliverUntil has clients of this process come and go, and deliver what they
// find, until done is closed.
func deliverUntil(t *testing.T, dir, url string, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		client, err := childClient(dir, url)
		if !assert.NoError(t, err) {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		_ = client.Flush(ctx) // it takes longer now and then
		assert.NoError(t, client.Shutdown(ctx), "the rest is on disk")
		cancel()
	}
}

// Processes are killed at random moments, one in four while it adopts, 350
// times in all, and what was accepted arrives.
func TestKill(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kills, together int
		mute            int // of those together, only write
		deliverers      int // clients beside them that come and go
		down, mayFill   bool
		shell           string
		env             []string
	}{
		"faulty server":     {kills: 50, together: 1},
		"server down":       {kills: 60, together: 1, down: true},
		"several processes": {kills: 20, together: 3, deliverers: 1, env: []string{childTend + "=1"}},
		"only writing":      {kills: 5, together: 2, mute: 2},
		"some only writing": {kills: 8, together: 3, mute: 2, deliverers: 2, env: []string{childTend + "=1"}},
		"adopting":          {kills: 20, together: 4, mute: 1, env: []string{childTend + "=1"}},
		"many small files":  {kills: 10, together: 4, mayFill: true, env: []string{childMax + "=65536", childTend + "=1"}},
		"full disk":         {kills: 16, together: 1, mayFill: true, shell: "ulimit -f 16"},
		"SpoolSync":         {kills: 10, together: 1, env: []string{childSync + "=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			api, srv, down := faultyAPI(t)
			down.Store(test.down)
			dir := t.TempDir()
			var mu sync.Mutex
			var accepted []string
			done := make(chan struct{})
			var beside sync.WaitGroup
			for range test.deliverers {
				beside.Go(func() { deliverUntil(t, dir, api.URL, done) })
			}
			for kill := range test.kills {
				var wg sync.WaitGroup
				for p := range test.together {
					wg.Go(func() {
						lines := 2 + rand.IntN(300)
						if rand.IntN(4) == 0 {
							lines = 1 // while it adopts
						}
						env := test.env
						if p < test.mute {
							env = append(slices.Clip(env), childMute+"=1")
						}
						names, full := killAfter(t, dir, api.URL, fmt.Sprintf("%d-%d", kill, p), test.shell, lines, env...)
						mu.Lock()
						defer mu.Unlock()
						accepted = append(accepted, names...)
						if !test.mayFill {
							assert.Zero(t, full)
						}
					})
				}
				wg.Wait()
			}
			close(done)
			beside.Wait()
			down.Store(false)
			deliverRest(t, dir, api.URL, srv, accepted)
		})
	}
}

// A limit on the size of files stands for a full disk: writes fail in the middle.
func TestFullDisk(t *testing.T) {
	api, srv, down := faultyAPI(t)
	down.Store(true)
	dir := t.TempDir()
	accepted, full := killAfter(t, dir, api.URL, "full", "ulimit -f 32", 2000)
	assert.NotZero(t, full, "an error of Track")
	assert.NotEmpty(t, accepted)
	down.Store(false)
	deliverRest(t, dir, api.URL, srv, accepted)
}
