package altertable_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// weather is what requests meet.
type weather int

const (
	fine weather = iota
	sluggish
	unavailable // 503
	limited     // 429 or 503 with Retry-After
	hanging     // no answer
	reset       // the connection breaks before the server has read the request
	answerLost  // the connection breaks after the server has done the work
	turnedAway  // a final answer, 404
	unknownKey  // 401
	nowhere     // the environment does not exist
	changeable  // any of these, anew for each request
	weathers    // their number
)

// A fickleServer has weather of its own at each endpoint, and refuses some
// messages whatever the weather is.
type fickleServer struct {
	oracle *oracle
	seed   uint64

	mu       sync.Mutex
	weather  map[string]weather // by path
	poison   map[int]int        // status by message
	inFlight int                // asynchronous requests
	most     int                // of them at one time
}

var errConnectionLost = errors.New("connection lost")

// transport is the way to the server of a client of the generation.
func (s *fickleServer) transport(generation int) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		_ = r.Body.Close() // it returns nil
		if err != nil {
			return nil, err // the request was canceled before it arrived
		}
		if r.URL.RawQuery == "" {
			s.count(1)
			defer s.count(-1)
		}
		a := s.oracle.begin(r.Context(), generation, body)
		if a == nil {
			return nil, errConnectionLost
		}
		status, header, answer := s.serve(r.Context(), a, r.URL.Path)
		s.oracle.end(a, status)
		if status == 0 {
			return nil, errConnectionLost
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(answer))}, nil
	})
}

func (s *fickleServer) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight += n
	s.most = max(s.most, s.inFlight)
}

// serve returns the answer to a request; 0 stands for none. What it depends on,
// apart from the weather, is only the seed, the first message, and how often
// that was sent.
func (s *fickleServer) serve(ctx context.Context, a *attempt, path string) (status int, header http.Header, answer string) {
	w, r, poison := s.meet(a, path)
	latency := time.Duration(r.IntN(200)) * time.Millisecond
	if w == sluggish {
		latency = time.Duration(r.IntN(4000)) * time.Millisecond
	}
	header = http.Header{}
	switch {
	case w == hanging:
		<-ctx.Done()
		return 0, nil, ""
	case !lasts(ctx, latency) || w == reset:
		return 0, nil, ""
	case w == unavailable:
		return 503, header, ""
	case w == limited:
		header.Set("Retry-After", strconv.Itoa(r.IntN(20)))
		return []int{429, 503}[r.IntN(2)], header, ""
	case w == turnedAway:
		return 404, header, ""
	case w == unknownKey:
		return 401, header, ""
	case w == nowhere:
		return 400, header, `{"ok":false,"error_code":"environment-not-found"}`
	case poison != 0:
		return poison, header, ""
	}
	s.oracle.apply(a)
	if w == answerLost {
		return 0, nil, ""
	}
	return 200, header, ""
}

// lasts waits for d, and reports whether ctx did not end before.
func lasts(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (s *fickleServer) meet(a *attempt, path string) (w weather, r *rand.Rand, poison int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range a.messages {
		if poison = s.poison[m.number]; poison != 0 {
			break
		}
	}
	r = rand.New(rand.NewPCG(s.seed, uint64(a.messages[0].number)<<32|uint64(a.repetition)))
	if w = s.weather[path]; w == changeable {
		w = weather(r.IntN(int(changeable)))
	}
	return w, r, poison
}

// change brings new weather to one endpoint or all of them.
func (s *fickleServer) change(r *rand.Rand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := weather(r.IntN(int(weathers)))
	if r.IntN(3) == 0 {
		w = fine
	}
	for _, path := range [][]string{{"/identify"}, {"/track"}, {"/alias", "/track"}, {"/identify", "/track", "/alias"}}[r.IntN(4)] {
		s.weather[path] = w
	}
}

func (s *fickleServer) clearUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.weather)
}

// refuse has requests with a message answered with a status.
func (s *fickleServer) refuse(number, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poison[number] = status
}
