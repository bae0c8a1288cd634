//go:build unix

package altertable_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

var (
	spoolSchedules = flag.Int("spoolschedules", 60, "random schedules of TestSpoolAtRandom")
	firstSpool     = flag.Int("firstspool", 0, "the seed of the first of them")
)

// A spoolRun is what applications, processes, the network and the disk do to
// clients that share a directory, at random. It depends on its seed, except for
// the client's jitter and the order in which goroutines run.
type spoolRun struct {
	*rand.Rand
	t      *testing.T
	root   string // everything of the run is below
	dir    string // the one that clients share
	model  *spoolModel
	server *spoolServer
	living []*spoolClient
	ended  map[*spoolLife]altertable.Stats
	links  int
	wg     sync.WaitGroup

	kills, blocks, harms, callbacks bool // may happen
	blocked                         []blockedFile
	largest                         int64 // SpoolMaxBytes of all clients
	adopted                         bool  // the bound does not hold any more
	notes                           sync.Mutex
	log                             []string
}

// A spoolClient is a client that lives.
type spoolClient struct {
	*altertable.Client
	life     *spoolLife
	ready    chan struct{} // closed when New has returned
	link     string        // its path of the shared directory
	instance string        // the name of its files' directory, as New made it
	what     string        // its settings
	mu       sync.Mutex
	random   *rand.Rand // of its callbacks
}

// A blockedFile has a directory in its place.
type blockedFile struct{ path, aside string }

func (r *spoolRun) note(format string, args ...any) {
	r.notes.Lock()
	defer r.notes.Unlock()
	r.log = append(r.log, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func newSpoolRun(t *testing.T, seed uint64) *spoolRun {
	r := &spoolRun{Rand: rand.New(rand.NewPCG(seed, 200)), t: t, root: t.TempDir(), model: new(spoolModel), ended: map[*spoolLife]altertable.Stats{}}
	r.server = &spoolServer{model: r.model, seed: seed}
	r.dir = filepath.Join(r.root, "spool")
	require.NoError(t, os.Mkdir(r.dir, 0o700))
	r.kills, r.blocks, r.harms, r.callbacks = r.IntN(3) == 0, r.IntN(3) == 0, r.IntN(3) == 0, r.IntN(2) == 0
	r.largest = pick[int64](r.Rand, 1<<10, 2<<10, 4<<10, 16<<10, 64<<10, 1<<30)
	return r
}

// instances returns the names of directories below the shared one.
func (r *spoolRun) instances() map[string]bool {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil
	}
	all := map[string]bool{}
	for _, entry := range entries {
		if entry.IsDir() {
			all[entry.Name()] = true
		}
	}
	return all
}

// start makes a client. Each has a path of its own to the shared directory.
func (r *spoolRun) start(max int64) *spoolClient {
	r.links++
	c := &spoolClient{life: r.model.begin(), link: filepath.Join(r.root, fmt.Sprint("link", r.links)), random: rand.New(rand.NewPCG(r.Uint64(), 1)), ready: make(chan struct{})}
	require.NoError(r.t, os.MkdirAll(r.dir, 0o700))
	require.NoError(r.t, os.Symlink(r.dir, c.link))
	settings := newSettings(r.Rand)
	settings.MaxQueueSize = pick(r.Rand, 1, 2, 5, 20, 100_000)
	before := r.instances()
	client, err := altertable.New("key", append(settings.options(),
		altertable.WithBaseURL("http://localhost"),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithHTTPClient(&http.Client{Transport: r.transport(c.life)}),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: settings.FirstWait, MaxInterval: 20 * time.Second, MaxElapsed: 30 * 24 * time.Hour}),
		altertable.WithSpool(c.link, altertable.SpoolMaxBytes(max)),
		altertable.WithOnDelivery(func(d altertable.Delivery) {
			r.model.enter(c.life)
			defer r.model.leave(c.life)
			r.model.tell(c.life, d)
			r.callBack(c)
		}),
		altertable.WithOnError(func(err error) {
			r.model.enter(c.life)
			defer r.model.leave(c.life)
			r.note("client %d: %v", c.life.number, err)
			r.callBack(c)
		}))...)
	require.NoError(r.t, err)
	defer close(c.ready)
	c.Client, c.what = client, fmt.Sprintf("%+v spool %d", settings, max)
	for name := range r.instances() {
		if !before[name] {
			c.instance = name
		}
	}
	s := client.Stats()
	r.adopted = r.adopted || s.Accepted > 0
	r.living = append(r.living, c)
	r.note("client %d starts with %d messages: %s", c.life.number, s.Accepted, c.what)
	return c
}

func (r *spoolRun) transport(life *spoolLife) http.RoundTripper {
	return roundTrip(func(request *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(request.Body)
		_ = request.Body.Close()
		numbers := numbersIn(body)
		if err != nil || !r.model.arrive(life, numbers) {
			return nil, errConnectionLost
		}
		ctx := request.Context()
		w, latency := r.server.next()
		status, text := 200, ""
		switch {
		case w == hanging:
			<-ctx.Done()
			return nil, errConnectionLost
		case !lasts(ctx, latency) || w == reset:
			return nil, errConnectionLost
		case w == unavailable:
			status = 503
		case w == limited:
			status = 429
		case w == turnedAway:
			status = 404
		case w == unknownKey:
			status = 401
		case w == nowhere && bytes.Contains(body, []byte(`"staging"`)):
			status, text = 400, `{"ok":false,"error_code":"environment-not-found"}`
		}
		if status == 200 {
			r.model.answer(ctx, life, numbers)
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}, nil
	})
}

// callBack does what a callback may do besides.
func (r *spoolRun) callBack(c *spoolClient) {
	<-c.ready // it may call while New runs
	if !r.callbacks {
		return
	}
	c.mu.Lock()
	what, wait, some := c.random.IntN(30), time.Duration(c.random.Int64N(int64(2*time.Second))), c.random.Uint64()
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*wait+1)
	defer cancel()
	switch what {
	case 0, 1, 2, 3:
		<-time.After(wait)
	case 4, 5:
		r.flush(ctx, c)
	case 6:
		m := r.model.call(c.life, true)
		_, err := c.IdentifySync(ctx, altertable.Identify{DistinctID: "A", Traits: altertable.Traits{"n": mark(m.number)}})
		r.model.returned(m, err)
	case 7, 8, 9:
		r.hand(ctx, c, some)
	case 10:
		if c.life.number%3 == 0 {
			r.model.locked(func() { c.life.closing = true })
			_ = c.Shutdown(ctx)
			r.model.locked(func() { r.model.mayRepeat = true }) // its own report is not noted any more
		}
	}
}

// hand gives a message to a client.
func (r *spoolRun) hand(ctx context.Context, c *spoolClient, some uint64) {
	m := r.model.call(c.life, false)
	environment := []string{"production", "staging"}[some>>8%2]
	padding := strings.Repeat("x", int(some>>16%[]uint64{1, 100, 400}[some>>40%3]))
	var err error
	switch some % 5 {
	case 0, 1:
		err = c.Identify(ctx, altertable.Identify{DistinctID: string(rune('A' + some>>32%4)), Environment: environment, Traits: altertable.Traits{"n": mark(m.number), "p": padding}})
	case 2:
		err = c.Alias(ctx, altertable.Alias{DistinctID: "A", NewUserID: mark(m.number)})
	default:
		err = c.Track(ctx, altertable.Track{Event: mark(m.number), DistinctID: "A", Environment: environment, Properties: altertable.Properties{"p": padding}})
	}
	r.model.returned(m, err)
	var files *altertable.SpoolError
	if err != nil && !errors.Is(err, altertable.ErrQueueFull) && !errors.Is(err, altertable.ErrClosed) && !errors.Is(err, altertable.ErrTooLarge) && !errors.As(err, &files) {
		r.model.locked(func() { r.model.complain("a call returned %v", err) })
	}
}

func (r *spoolRun) flush(ctx context.Context, c *spoolClient) {
	before := r.model.acceptedBy(c.life)
	if c.Flush(ctx) == nil {
		r.model.flushed(c.life, before)
	}
}

// act does one thing that happens, or lets time pass.
func (r *spoolRun) act() {
	if len(r.living) == 0 {
		r.start(r.largest)
		synctest.Wait()
	}
	c := pick(r.Rand, r.living...)
	switch r.IntN(26) {
	default:
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.Int64N(int64(3*time.Second))))
		for range 1 + r.IntN(pick(r.Rand, 2, 5, 30)) {
			r.hand(ctx, c, r.Uint64())
		}
		cancel()
	case 0, 1:
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.Int64N(int64(pick(r.Rand, time.Second, time.Minute, 5*time.Minute)))))
		r.wg.Go(func() {
			defer cancel()
			r.flush(ctx, c)
		})
	case 2:
		some := r.Uint64()
		r.wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			for i := range some % 20 {
				r.hand(ctx, c, some*(i+1))
			}
		})
	case 3, 4, 5, 6, 7:
		<-time.After(time.Duration(r.Int64N(int64(pick(r.Rand, 10*time.Millisecond, time.Second, 10*time.Second, 3*time.Minute)))))
	case 8, 9, 10:
		w := pick(r.Rand, fine, fine, sluggish, unavailable, limited, hanging, reset, unknownKey, nowhere, changeable)
		r.server.set(w)
		r.note("weather %d", w)
	case 11:
		if len(r.living) < 3 {
			r.start(r.largest)
		}
	case 12:
		r.end(c, time.Duration(r.Int64N(int64(pick(r.Rand, time.Second, time.Minute, 30*time.Minute)))))
	case 13:
		if r.kills && r.IntN(2) == 0 {
			r.kill(c)
		}
	case 14, 15:
		if r.blocks {
			r.block()
		}
	case 16:
		r.unblock()
	case 17:
		if r.harms && r.IntN(2) == 0 {
			r.harm()
		}
	}
	synctest.Wait()
	r.look()
}

// look checks what holds at any time.
func (r *spoolRun) look() {
	for _, c := range r.living {
		r.model.balance(c.life, c.Stats())
		var accepted int64
		r.model.locked(func() { accepted = c.life.accepted })
		r.adopted = r.adopted || c.Stats().Accepted > accepted
	}
	if r.adopted || r.harms || r.blocks || len(r.living) == 0 {
		return
	}
	var size int64
	_ = filepath.WalkDir(r.dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			if info, err := entry.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	if size > r.largest*int64(len(r.living)) {
		r.model.locked(func() {
			r.model.complain("the files of %d clients have %d bytes of %d", len(r.living), size, r.largest)
		})
	}
}

// What clients with a spool accepted has one outcome, whatever happens to them,
// to the network and to the files.
func TestSpoolAtRandom(t *testing.T) {
	t.Parallel()
	failed := 0
	count := *spoolSchedules
	if testing.Short() || altertable.RaceEnabled {
		count = (count + 4) / 5
	}
	for seed := *firstSpool; seed < *firstSpool+count && failed < 5; seed++ {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { spoolAtRandom(t, uint64(seed)) })
		}) {
			failed++
		}
	}
}

func spoolAtRandom(t *testing.T, seed uint64) {
	r := newSpoolRun(t, seed)
	for range 20 + r.IntN(100) {
		r.act()
		if r.model.verdict() != "" {
			break
		}
	}
	if r.model.verdict() == "" {
		r.finish()
	}
	for len(r.living) > 0 {
		r.end(r.living[0], time.Millisecond)
	}
	r.wg.Wait()
	for life := range r.ended {
		r.awaitCallbacks(&spoolClient{life: life})
	}
	if violation := r.model.verdict(); violation != "" {
		t.Errorf("%s\n%s", violation, strings.Join(r.log, "\n"))
	}
}
