package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// bodyHistory is how many bytes of request bodies the API's server keeps: those
// in progress, which the hub gets when they are answered.
const bodyHistory = 8 << 20

// A server is the API, its database and its console behind one port.
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
type server struct {
	url      string
	api      *altertabletest.Server
	database *database
	hub      *hub
	http     *http.Server
	served   chan error // gets what ended http
	cancel   context.CancelFunc
}

// start opens the data and the port. The server runs until close.
func start(c config) (*server, error) {
	address := net.JoinHostPort(c.host, strconv.Itoa(c.port))
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is in use, perhaps by another altertable-local; -port chooses another: %w", c.port, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	d, err := openDatabase(c.data)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &server{url: "http://" + reachable(listener.Addr()), database: d, served: make(chan error, 1)}
	if err := s.load(c); err != nil {
		return nil, errors.Join(err, listener.Close(), d.close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler:           guard{c.host, s.url, c.origins, &refusals{observe: s.hub.observe}}.wrap(s.routes(c)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// load makes the API's server and the console begin with what the file holds.
func (s *server) load(c config) error {
	identities, err := s.database.identities()
	if err != nil {
		return err
	}
	environments := c.environments
	if len(environments) == 0 {
		environments = list{"production"}
	}
	if s.hub, err = newHub(s.database, identities, environments); err != nil {
		return err
	}
	options := []altertabletest.Option{
		altertabletest.WithoutListener(),
		altertabletest.WithEnvironments(environments...),
		altertabletest.WithIdentities(identities...),
		altertabletest.WithHistory(1), // the database and the hub have their own
		altertabletest.WithBodyHistory(bodyHistory),
		altertabletest.WithObserver(func(change altertabletest.Change) {
			s.hub.observe(change)
			s.database.observe(change)
		}),
	}
	if len(c.keys) > 0 {
		options = append(options, altertabletest.WithAPIKeys(c.keys...))
	}
	s.api = altertabletest.NewServer(options...)
	s.hub.identity = s.api.Identity
	s.database.follow(s.api)
	if c.latency > 0 {
		s.api.Always(altertabletest.Delay(c.latency))
	}
	if c.fail > 0 {
		some := func(*http.Request) bool { return rand.Float64() < c.rate }
		s.api.Always(altertabletest.Status(c.fail).Delay(c.latency).Match(some))
	}
	return nil
}

func (s *server) routes(c config) http.Handler {
	mux := http.NewServeMux()
	auth := newAuth(c.keys, s.url)
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

// failed is closed when the server cannot go on.
func (s *server) failed() <-chan struct{} { return s.database.failed }

// close lets the requests in progress end, applies what they stored, and closes
// the data.
func (s *server) close() error {
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
