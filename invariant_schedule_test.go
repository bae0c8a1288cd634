package altertable

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	attackSeeds = flag.Int("attackseeds", 100, "random schedules of TestInvariants")
	attackFrom  = flag.Int("attackfrom", 0, "the first one")
)

type attackTransport struct {
	mu    sync.Mutex
	r     *rand.Rand
	mode  map[string]int
	fine  bool
	n     int
	check func()
	reqs  map[string]int
}

func (a *attackTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a.check()
	a.mu.Lock()
	a.n++
	a.reqs[r.URL.Path]++
	mode := a.mode[r.URL.Path]
	x, y, z := a.r.IntN(100), a.r.IntN(100), a.r.IntN(3000)
	fine := a.fine
	a.mu.Unlock()
	select {
	case <-time.After(time.Duration(z) * time.Millisecond / 3):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	status := 200
	h := http.Header{}
	code := ""
	has := func(s string) bool { return len(body) > 0 && contains1(string(body), s) }
	switch {
	case fine:
	case mode == 0:
	case mode == 1 && x < 60:
		status = []int{500, 503, 408}[y%3]
	case mode == 2 && x < 60:
		status = 429
		if y < 30 {
			h.Set("Retry-After", fmt.Sprint(y))
		}
	case mode == 3 && x < 50:
		status = []int{421, 500, 429, 400, 404, 0, 413, 503}[y%8]
	case mode == 4:
		status = 503
	case mode == 5:
		status = 400
	case mode == 6:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case mode == 7:
		status = 421
	case mode == 8:
		status = 429
		h.Set("Retry-After", "300")
	}
	if status == 200 && !fine {
		if has(`"bad`) {
			status = 400
		}
		if has(`"poison`) {
			status = 500
		}
	}
	if status == 0 {
		return nil, errors.New("lost")
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(stringsReader(code))}, nil
}

func contains1(s, sub string) bool {
	for i := 0; i+len(sub) <= len(s); i++ {
		if s[i:i+len(sub)] == sub {
			return true
		}
	}
	return false
}

func stringsReader(s string) io.Reader { return io.LimitReader(&emptyReader{}, 0) }

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }

func choose[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

func TestInvariants(t *testing.T) {
	for seed := *attackFrom; seed < *attackFrom+*attackSeeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := ""
			if seed%7 == 3 && runtime.GOOS == "linux" {
				dir = t.TempDir()
			}
			synctest.Test(t, func(t *testing.T) { attackOnce(t, uint64(seed), dir) })
		})
	}
}

func attackOnce(t *testing.T, seed uint64, dir string) {
	r := rand.New(rand.NewPCG(seed, 99))
	tr := &attackTransport{r: rand.New(rand.NewPCG(seed, 5)), mode: map[string]int{}, check: func() {}, reqs: map[string]int{}}
	opts := []Option{
		WithHTTPClient(&http.Client{Transport: tr}),
		WithLogger(slog.New(slog.DiscardHandler)),
		WithMaxBatchSize(choose(r, 1, 2, 3, 4, 8, 16, 10_000)), WithMaxInFlight(choose(r, 1, 2, 3, 8, 256)),
		WithMaxQueueSize(choose(r, 1, 4, 20, 60, 100_000)),
		WithOverflow(choose(r, DropNewest, DropOldest, DropOldest, Block)),
		WithFlushInterval(choose(r, time.Nanosecond, 10*time.Millisecond, time.Second, time.Hour)),
		WithRetry(RetryPolicy{InitialInterval: choose(r, 10*time.Millisecond, 500*time.Millisecond),
			MaxElapsed: choose(r, 5*time.Second, 2*time.Minute, 24*time.Hour)}),
	}
	if choose(r, true, false) {
		callbacks := rand.New(rand.NewPCG(seed, 7)) // another goroutine's
		opts = append(opts, WithOnError(func(error) {}),
			WithOnDelivery(func(Delivery) { <-time.After(time.Duration(callbacks.IntN(3)) * time.Millisecond) }))
	}
	if dir != "" {
		opts = append(opts, WithSpool(dir, SpoolMaxBytes(choose(r, int64(8<<10), 1<<20))))
	}
	c, err := New("key", opts...)
	if err != nil {
		t.Fatal(err)
	}
	failed := ""
	var mu sync.Mutex
	check := func(where string) {
		if p := c.queue.inconsistency(); p != "" {
			mu.Lock()
			defer mu.Unlock()
			if failed == "" {
				failed = where + ": " + p
			}
		}
	}
	tr.check = func() { check("request") }
	people := choose(r, 2, 4, 12)
	envs := []string{"", "staging", "preview"}[:choose(r, 1, 1, 3)]
	n := 0
	name := func() string {
		n++
		return choose(r, "n", "n", "n", "n", "n", "n", "n", "n", "n", "bad", "poison") + fmt.Sprint(n)
	}
	ident := func() Identify {
		i := Identify{DistinctID: fmt.Sprintf("user%d", r.IntN(people)), Environment: choose(r, envs...), Traits: Traits{"n": name()}}
		if r.IntN(3) == 0 {
			i.AnonymousID = fmt.Sprintf("anon%d", r.IntN(3))
		}
		return i
	}
	var wg sync.WaitGroup
	for step := range 300 {
		switch x := r.IntN(20); {
		case x < 9:
			i := ident()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(500))*time.Millisecond)
			_ = c.Identify(ctx, i)
			cancel()
		case x < 11:
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(500))*time.Millisecond)
			_ = c.Track(ctx, Track{Event: name(), DistinctID: "u", Environment: choose(r, envs...)})
			cancel()
		case x < 12:
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(500))*time.Millisecond)
			_ = c.Alias(ctx, Alias{DistinctID: name(), NewUserID: "v", Environment: choose(r, envs...)})
			cancel()
		case x < 15:
			<-time.After(time.Duration(r.IntN(2500)) * time.Millisecond)
		case x < 16:
			synctest.Wait()
		case x < 17:
			tr.mu.Lock()
			for _, p := range [][]string{{"/identify"}, {"/track"}, {"/alias", "/track"}, {"/identify", "/track", "/alias"}}[r.IntN(4)] {
				tr.mode[p] = choose(r, 0, 0, 0, 1, 2, 3, 3, 4, 5, 6, 7, 8)
			}
			tr.mu.Unlock()
		case x < 18:
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(4000))*time.Millisecond)
			wg.Go(func() { defer cancel(); _ = c.Flush(ctx) })
		default:
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(9000))*time.Millisecond)
			all := []Identify{ident()}
			for range r.IntN(4) {
				i := ident()
				i.Environment = all[0].Environment
				all = append(all, i)
			}
			if r.IntN(2) == 0 {
				all = append(all, all[0])
			}
			wg.Go(func() { defer cancel(); _, _ = c.IdentifySync(ctx, all...) })
		}
		check(fmt.Sprint("step ", step))
		if failed != "" {
			break
		}
	}
	if failed == "" && r.IntN(4) > 0 {
		tr.mu.Lock()
		tr.fine = true
		tr.mu.Unlock()
		start, before := time.Now(), tr.n
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		err := c.Flush(ctx)
		if ctx.Err() != nil {
			failed = fmt.Sprint("Flush never returned: ", err)
		}
		cancel()
		if d := time.Since(start); d > 20*time.Minute {
			t.Logf("seed %d: Flush took %v and %d requests", seed, d, tr.n-before)
		}
		check("flushed")
		synctest.Wait()
		wg.Wait()
		q := c.queue
		q.mu.Lock()
		if failed == "" && (q.held.count != 0 || q.places.inFlight.Len() != 0 || len(q.places.lanes) != 0 || q.places.carried != (tally{}) || q.places.buffers.unused != 0) {
			failed = "something is left"
		}
		q.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(10))*time.Second)
	begin := time.Now()
	_ = c.Shutdown(ctx)
	if late := time.Since(begin); late > 10*time.Second+250*time.Millisecond {
		t.Errorf("Shutdown took %v", late)
	}
	cancel()
	wg.Wait()
	s := c.Stats()
	if s.Accepted != s.Delivered+s.Failed+s.Dropped+s.Queued || dir == "" && s.Queued != 0 {
		t.Errorf("books: %+v", s)
	}
	if failed != "" {
		t.Errorf("seed %d: %s", seed, failed)
	}
}
