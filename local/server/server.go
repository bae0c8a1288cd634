package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// bodyHistory is how many bytes of request bodies the API's server keeps: those
// in progress, which the hub gets when they are answered.
const bodyHistory = 8 << 20

// A Server is the API, its database and its console behind one port.
//
// A message comes through the guard, which keeps pages of elsewhere out, to the
// handler of package altertabletest. The API's server stores it, and before it
// answers it tells its observer what changed: first the hub, then the database.
//
//	api       knows the identities; whoever needs one asks it
//	hub       has the newest events, identifies, aliases and requests, for the
//	          console; a stream looks at them as a viewer, through a filter
//	database  has what was not applied yet (pending.go), and gives it to its
//	          engine as a batch: each second, where much has come, and before
//	          a query
//	engine    is a process, which calls and answers reach as frames: engine.go is
//	          the server's side, engine_child.go the process's
//	store     is DuckDB with the data, in the process alone
//
// A query comes through the guard as well, in one of two forms (query.go and
// lakehouse.go), and database.query gives it to the engine. If that ends, the
// database starts another one (supervise.go) with the data: from the file, or
// from the journal of events and the identities of the API's server.
//
// The API's server tells of one change at a time. Under the hub's mutex nothing
// else is asked. The database's mutexes have an order, which stands there; under
// each of them the API's server may be asked.
type Server struct {
	url      string
	api      *altertabletest.Server
	database *database
	hub      *hub
	http     *http.Server
	served   chan error // gets what ended http
	cancel   context.CancelFunc
	closing  sync.Once
	closed   error // what Close returns; written within closing
}

var (
	// ErrPortInUse is the error of Start if another program listens on the port.
	ErrPortInUse = errors.New("the port is in use, perhaps by another altertable-local")
	// ErrNoEngine is the error of Start if the program did not call Engine.
	ErrNoEngine = errors.New("the program has to call server.Engine first in main: its server starts it once more, as the engine of the queries")
)

// Start opens the port and the data, and blocks until both are there. The server
// runs until Close.
//
// Its errors are those of Config.Validate, ErrNoEngine, ErrPortInUse, which also
// matches what the system says, such as syscall.EADDRINUSE, and others if the
// address or the file cannot be used. After an error nothing is left of the
// server.
func Start(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if !prepared.Load() {
		return nil, ErrNoEngine // each of its engines would start another one
	}
	c = c.withDefaults()
	address := net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	listener, err := net.Listen("tcp", address)
	if portInUse(err) {
		return nil, fmt.Errorf("%w: %w", ErrPortInUse, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	d, err := openDatabase(c.Data, c.Log)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &Server{url: "http://" + reachable(listener.Addr()), database: d, served: make(chan error, 1)}
	if err := s.load(c); err != nil {
		return nil, errors.Join(err, listener.Close(), d.close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler:           guard{c.Host, s.url, c.Origins, &refusals{observe: s.hub.observe}}.wrap(s.routes(c)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// load makes the API's server and the console begin with what the file holds.
func (s *Server) load(c Config) error {
	identities, err := s.database.identities()
	if err != nil {
		return err
	}
	if s.hub, err = newHub(s.database, identities, c.Environments); err != nil {
		return err
	}
	options := []altertabletest.Option{
		altertabletest.WithoutListener(),
		altertabletest.WithEnvironments(c.Environments...),
		altertabletest.WithIdentities(identities...),
		altertabletest.WithHistory(1), // the database and the hub have their own
		altertabletest.WithBodyHistory(bodyHistory),
		altertabletest.WithObserver(func(change altertabletest.Change) {
			s.hub.observe(change)
			s.database.observe(change)
		}),
	}
	if len(c.Keys) > 0 {
		options = append(options, altertabletest.WithAPIKeys(c.Keys...))
	}
	s.api = altertabletest.NewServer(options...)
	s.hub.identity = s.api.Identity
	s.database.follow(s.api)
	if c.Latency > 0 {
		s.api.Always(altertabletest.Delay(c.Latency))
	}
	if c.Fail > 0 {
		some := func(*http.Request) bool { return rand.Float64() < c.FailRate }
		s.api.Always(altertabletest.Status(c.Fail).Delay(c.Latency).Match(some))
	}
	return nil
}

func (s *Server) routes(c Config) http.Handler {
	mux := http.NewServeMux()
	auth := newAuth(c.Keys, s.url)
	console := console{
		hub:          s.hub,
		api:          s.api,
		database:     s.database,
		auth:         auth,
		writeTimeout: 10 * time.Second,
		streams:      make(chan struct{}, 32),
	}
	console.routes(mux)
	mux.Handle("POST /query", queryHandler(s.database, auth))
	mux.Handle("/", absent(s.api.Handler())) // what is not found shows in the console too
	return mux
}

// URL returns the base URL for clients, such as http://127.0.0.1:15001. The
// console is the page there. If the server listens on all addresses, the URL has
// the loopback's.
func (s *Server) URL() string { return s.url }

// Failed returns a channel that is closed when the server cannot go on, since it
// can store no more events. Close then returns why.
func (s *Server) Failed() <-chan struct{} { return s.database.failed }

// Events returns how many events the server has, those of its file included. It
// may be called after Close, too.
func (s *Server) Events() int { return int(s.hub.count()) }

// Close lets the requests in progress end, for 3 seconds at most, stores what
// they sent, and closes the data. Queries that run are ended. It blocks until the
// port is free and the engine has ended. Later calls return what the first one
// returned.
func (s *Server) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
}

func (s *Server) close() error {
	s.hub.close()       // its streams have no end of their own
	s.api.ClearFaults() // nor may a request that -latency holds
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // a request that lasts is cut off, as a crash would
	}
	s.cancel()
	s.api.Close()
	err = errors.Join(err, s.http.Close())
	if ended := <-s.served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return errors.Join(err, s.database.close())
}

// reachable returns the address as a client has to name it.
func reachable(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
