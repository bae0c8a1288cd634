package altertabletest

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// A Server is a test double of the API; see the package's documentation for
// what it does. Its methods are safe for concurrent use. What they return is
// the caller's to keep and to change.
type Server struct {
	// URL is what a client's base URL has to be, without a trailing slash. In
	// virtual time, or without a listener, it is "http://localhost", where only
	// HTTPClient gets through.
	URL string

	cfg    config
	socket *httptest.Server // nil without a listener; immutable
	gate   *gate            // nil without a listener; immutable
	done   chan struct{}    // closed by Close

	handlers   sync.WaitGroup // of requests in memory
	observerMu sync.Mutex     // held while changes are told; taken before mu

	mu        sync.Mutex         // guards all below
	client    *altertable.Client // of New; nil without
	deadline  time.Time          // of New's test; zero without
	store     store
	requests  history[*record]
	bodies    []*record // with a body, oldest first
	bodyBytes int
	next      []*Rule
	always    []*Rule
	cleared   chan struct{} // closed and replaced by ClearFaults
	untold    []Change
	changed   chan struct{} // closed on a change; nil while nobody waits
	line      context.Context
	cut       context.CancelFunc // ends line, and the requests in memory with it
	down      bool
	closed    bool
}

// started tells virtual time, which begins with the year 2000, from real time.
var started = time.Now().Round(0)

func virtualTime() bool {
	const clockStep = time.Hour // a clock set back by less is still a real one
	return time.Now().Round(0).Add(clockStep).Before(started)
}

// NewServer starts a server on a loopback port. Inside a testing/synctest
// bubble, or with WithoutListener, it opens no socket, and only
// Server.HTTPClient reaches it. It panics if there is no port to listen on.
// Close ends it.
func NewServer(opts ...Option) *Server {
	s := &Server{
		URL:  "http://localhost",
		cfg:  config{bodyHistory: defaultBodyHistory},
		done: make(chan struct{}),

		cleared: make(chan struct{}),
	}
	for _, option := range opts {
		option(&s.cfg)
	}
	s.store = newStore(s.cfg.history)
	for _, identity := range s.cfg.identities {
		s.store.identities(identity.Environment).restore(identity)
	}
	s.cfg.identities = nil
	s.requests.limit = s.cfg.history
	s.line, s.cut = context.WithCancel(context.Background())
	if !virtualTime() && !s.cfg.noListener {
		s.socket = httptest.NewUnstartedServer(s.Handler())
		s.gate = &gate{Listener: s.socket.Listener}
		s.socket.Listener = s.gate
		s.socket.Start()
		s.URL = s.socket.URL
	}
	return s
}

// Close resets the requests in progress, stops listening, and returns when
// everything the server started has ended. Requests that come later are
// refused. What the server has stored can still be read. Calls after the first
// do nothing.
func (s *Server) Close() {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.cut()
	s.notifyLocked()
	s.mu.Unlock()
	if closed {
		return
	}
	close(s.done)
	if s.socket != nil {
		s.gate.shut.Store(true)
		s.socket.CloseClientConnections()
		s.socket.Close()
	}
	s.handlers.Wait()
}

// Handler returns the API as a handler, faults included, to be served by
// another server. It matches the paths /track, /identify and /alias: use
// http.StripPrefix where they lie deeper.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

// HTTPClient returns a client whose requests, whatever their host, reach the
// server in memory: no socket, and no goroutine that outlives a request. Inside
// a testing/synctest bubble it is the way to the server; elsewhere URL is another.
func (s *Server) HTTPClient() *http.Client { return &http.Client{Transport: memory{s}} }

// Down makes the server unreachable, as a crash would, and loses nothing that
// was stored. Connections are reset; new ones are refused in memory, and over a
// socket reset as well, since the server keeps its port. Up ends it.
func (s *Server) Down() {
	s.mu.Lock()
	s.down = true
	s.cut()
	s.mu.Unlock()
	if s.socket != nil {
		s.gate.shut.Store(true)
		s.socket.CloseClientConnections()
	}
}

// Up makes the server reachable again after Down, at the same URL.
func (s *Server) Up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.down || s.closed {
		return
	}
	s.down = false
	s.line, s.cut = context.WithCancel(context.Background())
	if s.gate != nil {
		s.gate.shut.Store(false)
	}
}

// Events returns the stored events in the order in which they were stored, with
// the identities they belong to by now.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.allEvents()
}

// Identities returns the identities in the order in which they came to be.
func (s *Server) Identities() []Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.allIdentities()
}

// Identity returns the identity that an id, be it a distinct, anonymous or
// former one, belongs to in an environment. It reports false if there is none.
func (s *Server) Identity(environment, id string) (Identity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.store.environments[environment]; g != nil {
		if p := g.lookup(id); p != nil {
			return p.snapshot(environment), true
		}
	}
	return Identity{}, false
}

// Requests returns the requests in the order in which they were read. One that
// is in progress has Status 0.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := make([]Request, 0, len(s.requests.all()))
	for _, r := range s.requests.all() {
		requests = append(requests, r.clone())
	}
	return requests
}

// Reset forgets all events, identities and requests. Faults stay. The observer
// is told before Reset returns; of a request in progress it is told afterwards.
func (s *Server) Reset() {
	s.forget()
	s.tell()
}

func (s *Server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	tasks := s.store.tasks
	s.store = newStore(s.cfg.history)
	s.store.tasks = tasks
	s.requests = history[*record]{limit: s.cfg.history}
	s.bodies, s.bodyBytes = nil, 0
	if s.cfg.observe != nil {
		s.untold = append(s.untold, Change{Reset: true})
	}
}

// A record is a Request in the making; the server's mutex guards it once it is
// in the server's list.
type record struct {
	Request
	number int // among all requests, from 1
}

func (r *record) clone() Request {
	c := r.Request
	c.Header = r.Header.Clone()
	c.Query = maps.Clone(r.Query)
	for k, v := range c.Query {
		c.Query[k] = slices.Clone(v)
	}
	c.Body = slices.Clone(r.Body)
	return c
}

// keepLocked lists r and takes its body, and lets go of the oldest bodies if those
// kept are too many bytes, or of requests that are not listed any more.
func (s *Server) keepLocked(r *record, body []byte) {
	s.requests.add(r)
	r.number = s.requests.total
	if len(body) > 0 && len(body) <= s.cfg.bodyHistory {
		r.Body = body
		s.bodies = append(s.bodies, r)
		s.bodyBytes += len(body)
	}
	for s.bodyBytes > s.cfg.bodyHistory || len(s.bodies) > 0 && !s.requests.keeps(s.bodies[0].number) {
		s.bodyBytes -= len(s.bodies[0].Body)
		s.bodies[0].Body = nil
		s.bodies[0] = nil
		s.bodies = s.bodies[1:]
	}
}
