package altertable_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A distantAPI answers each request after a round trip. It does not read what
// the requests carry, so that it takes millions of messages in a test.
type distantAPI struct {
	roundTrip  time.Duration
	perMessage time.Duration       // more for each message
	fate       func(r arrival) int // the status, or hang; nil: 200 for all
	began      func(r arrival)     // may be nil; one at a time, as fate and ended
	ended      func(r arrival, status int)

	mu       sync.Mutex
	flying   map[string]int // requests now, by path
	requests map[string]int // ever
}

// hang is the fate of a request that is not answered.
const hang = 0

// An arrival is a request at the server. Its body is valid only in the function it is given to.
type arrival struct {
	path   string
	body   []byte
	flying int // requests to this path, this one included
	all    int // to all paths
}

var bodies = sync.Pool{New: func() any { return new([]byte) }}

func (a *distantAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	buffer := bodies.Get().(*[]byte)
	defer bodies.Put(buffer)
	if cap(*buffer) < int(r.ContentLength) {
		*buffer = make([]byte, r.ContentLength)
	}
	body := (*buffer)[:r.ContentLength]
	_, err := io.ReadFull(r.Body, body)
	_ = r.Body.Close() // it returns nil
	if err != nil {
		return nil, err
	}
	at := arrival{path: r.URL.Path, body: body}
	status := a.begin(&at)
	switch {
	case status == hang:
		<-r.Context().Done()
	case !lasts(r.Context(), a.roundTrip+a.perMessage*time.Duration(bytes.Count(body, []byte(`"distinct_id"`)))):
		status = hang
	}
	a.end(at, status)
	if status == hang {
		return nil, errors.New("no answer")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}, nil
}

func (a *distantAPI) begin(r *arrival) (status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flying[r.path]++
	a.requests[r.path]++
	r.flying = a.flying[r.path]
	for _, n := range a.flying {
		r.all += n
	}
	if a.began != nil {
		a.began(*r)
	}
	if a.fate != nil {
		return a.fate(*r)
	}
	return http.StatusOK
}

func (a *distantAPI) end(r arrival, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flying[r.path]--
	if a.ended != nil {
		a.ended(r, status)
	}
}

func (a *distantAPI) requestsTo(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests[path]
}

// connect returns a client of a.
func (a *distantAPI) connect(t *testing.T, opts ...altertable.Option) *altertable.Client {
	t.Helper()
	a.flying, a.requests = map[string]int{}, map[string]int{}
	client, err := altertable.New("key", append([]altertable.Option{
		altertable.WithHTTPClient(&http.Client{Transport: a}),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithOnError(func(error) {}),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Shutdown(within(t, time.Millisecond)) }) // a test that failed leaves messages
	return client
}

// A load is calls at a steady rate.
type load struct {
	perSecond int
	call      func(i int)
}

const tick = 10 * time.Millisecond

// run makes the calls of all loads for d, and one at the end of each second.
func run(d time.Duration, eachSecond func(second int), loads ...load) {
	made := make([]int, len(loads))
	for tock := range int(d / tick) {
		for i, l := range loads {
			for ; made[i] < l.perSecond*(tock+1)/int(time.Second/tick); made[i]++ {
				l.call(made[i])
			}
		}
		<-time.After(tick)
		if second := time.Duration(tock+1) * tick; second%time.Second == 0 {
			eachSecond(int(second / time.Second))
		}
	}
}

// delays are how long the messages of a load have waited for something.
type delays struct {
	calledAt []time.Time
	waited   []time.Duration
	done     []bool
}

func newDelays(n int) *delays {
	return &delays{make([]time.Time, n), make([]time.Duration, n), make([]bool, n)}
}

func (d *delays) call(i int) { d.calledAt[i] = time.Now() }

// end notes that message i waits no longer. Later ends do not count.
func (d *delays) end(i int) {
	if !d.done[i] {
		d.done[i], d.waited[i] = true, time.Since(d.calledAt[i])
	}
}

// leaveOut forgets the wait of some messages.
func (d *delays) leaveOut(which func(i int) bool) {
	for i := range d.waited {
		if which(i) {
			d.done[i], d.waited[i] = true, 0
		}
	}
}

// over returns how many messages waited longer than limit, and the longest wait.
// One that still waits has waited for ever.
func (d *delays) over(limit time.Duration) (count int, longest time.Duration) {
	for i, w := range d.waited {
		if !d.done[i] {
			w = 1<<63 - 1
		}
		if w > limit {
			count++
		}
		longest = max(longest, w)
	}
	return count, longest
}
