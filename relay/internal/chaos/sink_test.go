package chaos

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sink is the API. It stores all that it is sent, unless a fault says otherwise.
type sink struct {
	news
	*ledger
	URL string

	server *httptest.Server
	closed chan struct{} // ends what hangs

	mu       sync.Mutex
	faults   []fault        // guarded by mu; the first that has an answer gives it
	statuses map[int]int    // guarded by mu; requests by the status that they were answered
	late     int            // guarded by mu; answers that came when nobody waited for them any more
	began    []time.Time    // guarded by mu; when requests came that were answered 200
	record   bool           // guarded by mu; began is kept
	sizes    map[string]int // guarded by mu; events of requests that were answered 200, by endpoint
}

// A call is one request that the sink got.
type call struct {
	key      string
	endpoint string
	items    []item
}

// An answer is what the sink does in place of storing and answering 200.
type answer struct {
	status int
	header map[string]string
	code   string
	store  bool // all the same
	cut    bool // the connection ends instead of an answer
	hang   bool // there is no answer at all
}

// A fault returns nil for what it does not concern.
type fault func(*call) *answer

func newSink(t *testing.T) *sink {
	s := &sink{ledger: newLedger(), closed: make(chan struct{}), statuses: map[int]int{}, sizes: map[string]int{}}
	s.server = httptest.NewServer(s)
	s.URL = s.server.URL
	t.Cleanup(func() {
		close(s.closed)
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// set replaces the faults.
func (s *sink) set(faults ...fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	c := &call{key: r.Header.Get("X-API-Key"), endpoint: strings.TrimPrefix(r.URL.Path, "/")}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		c.items, err = parseItems(c.endpoint, body)
	}
	if err != nil {
		s.answered(http.StatusBadRequest)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a := s.decide(c)
	if a == nil {
		a = &answer{status: http.StatusOK, store: true}
	}
	if a.store {
		s.store(c.key, c.items, time.Now())
	}
	switch {
	case a.hang:
		select {
		case <-s.closed:
		case <-r.Context().Done():
		}
		s.answered(0)
		panic(http.ErrAbortHandler)
	case a.cut:
		s.answered(0)
		panic(http.ErrAbortHandler)
	}
	if a.status == http.StatusOK {
		s.delivered(c, began)
	}
	s.answered(a.status)
	write(w, a)
	if r.Context().Err() != nil {
		s.mu.Lock()
		s.late++
		s.mu.Unlock()
	}
}

func write(w http.ResponseWriter, a *answer) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	text := `{"ok":true,"task_id":"task-1","error_code":null}`
	if a.status != http.StatusOK {
		text = `{"ok":false,"error_code":"` + a.code + `"}`
	}
	_, _ = io.WriteString(w, text) // who is gone asks again
}

func (s *sink) decide(c *call) *answer {
	s.mu.Lock()
	faults := s.faults
	s.mu.Unlock()
	for _, f := range faults {
		if a := f(c); a != nil {
			return a
		}
	}
	return nil
}

func (s *sink) delivered(c *call, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes[c.endpoint] += len(c.items)
	if s.record {
		s.began = append(s.began, began)
	}
}

func (s *sink) answered(status int) {
	s.mu.Lock()
	s.statuses[status]++
	s.mu.Unlock()
	s.tell()
}

// answers returns how many requests were answered so; 0: not at all.
func (s *sink) answers(status int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statuses[status]
}

// tooLate returns how many answers nobody waited for any more: a relay waits five seconds.
func (s *sink) tooLate() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

// countAnew forgets what was counted before.
func (s *sink) countAnew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.statuses)
	clear(s.sizes)
	s.began, s.record = nil, true
}

// arrivals returns when requests came that were answered 200, since countAnew.
func (s *sink) arrivals() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began
}

// awaitMore waits until so many further events are stored.
func (s *sink) awaitMore(t *testing.T, n int, within time.Duration, sources ...string) {
	t.Helper()
	s.awaitTotal(t, s.total(sources...)+n, within, sources...)
}

// awaitTotal waits until so many events are stored.
func (s *sink) awaitTotal(t *testing.T, n int, within time.Duration, sources ...string) {
	t.Helper()
	s.await(t, within, "further events at the API", func() bool { return s.total(sources...) >= n })
}
