package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// marker is the property that numbers the events.
const marker = `"bench_number":`

// An arrival is what a sink has seen.
type arrival struct {
	Events   int // each counted once
	Twice    int
	Requests int
	First    time.Time // request
	Last     time.Time // request with an event that was new
}

// A sink is the API, which takes everything. It finds events by their marker, since
// to parse them would cost more than the relay does.
type sink struct {
	mu   sync.Mutex // guards what follows
	seen []uint64   // bits
	shut bool       // as if the API were down
	arrival
}

func newSink(events int) *sink { return &sink{seen: make([]uint64, events/64+1)} }

func serveSink(events int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "http://%s\n", listener.Addr())
	return http.Serve(listener, newSink(events))
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/arrived", "/shut", "/open": // of the parent, which would notice an error
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shut = r.URL.Path == "/shut" || s.shut && r.URL.Path != "/open"
		_ = json.NewEncoder(w).Encode(s.arrival)
		return
	}
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(r.Body); err != nil {
		return
	}
	if !s.take(body.Bytes(), time.Now()) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, `{"ok":true}`)
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// take reports whether it took the body.
func (s *sink) take(body []byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return false
	}
	if s.Requests++; s.First.IsZero() {
		s.First = now
	}
	for {
		_, rest, ok := bytes.Cut(body, []byte(marker))
		if !ok {
			return true
		}
		n, bit := number(rest), uint64(1)
		bit <<= n % 64
		switch {
		case n/64 >= len(s.seen):
		case s.seen[n/64]&bit != 0:
			s.Twice++
		default:
			s.seen[n/64] |= bit
			s.Events++
			s.Last = now
		}
		body = rest
	}
}

// number reads the digits that text begins with.
func number(text []byte) (n int) {
	for _, c := range text {
		if c < '0' || c > '9' || n > 1<<40 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}
