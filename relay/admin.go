package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
)

// probeTimeout bounds an answer to who is not on this machine.
const probeTimeout = 30 * time.Second

// socketName is the socket's, in the data directory.
const socketName = "admin.sock"

// An admin serves what operators and probes ask. What changes anything, or shows
// events, is served on the loopback address and on the socket alone.
type admin struct {
	servers []*http.Server
	address net.Addr // of the port; nil without
	socket  string   // its path; "" without
}

// openAdmin opens the port and the socket.
func openAdmin(r *relay) (*admin, error) {
	a := &admin{}
	probes := http.NewServeMux()
	r.addProbes(probes)
	full := http.NewServeMux()
	r.addProbes(full)
	r.addControl(full)
	if r.config.AdminListen != "" {
		l, err := net.Listen("tcp", r.config.AdminListen)
		if err != nil {
			return a, fmt.Errorf("--admin-listen: %w", err)
		}
		a.address = l.Addr()
		if config.IsLoopback(a.address.String()) {
			a.start(r, l, guard(full), 0) // a list of dead letters may be long
		} else {
			a.start(r, l, probes, probeTimeout)
		}
	}
	if r.config.Data == "" {
		return a, nil
	}
	l, err := listenSocket(filepath.Join(r.config.Data, socketName))
	if err != nil { // a path may be too long for a socket; there is the port, too
		r.log.Warn("status and dlq reach this relay by --admin-listen alone", "error", err)
		return a, nil
	}
	a.socket = l.Addr().String()
	a.start(r, l, full, 0)
	return a, nil
}

func (a *admin) start(r *relay, l net.Listener, handler http.Handler, writeTimeout time.Duration) {
	s := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: newHTTPLog(r.log),
	}
	a.servers = append(a.servers, s)
	r.serveOn(s, l)
}

// listenSocket makes the socket in the data directory, whose lock the relay holds:
// a socket that is there already is a dead relay's.
func listenSocket(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := listenPrivate(path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// url returns the port's, "" without one.
func (a *admin) url() string {
	if a.address == nil {
		return ""
	}
	return urlOf(a.address, &config.Config{})
}

// close lets the answers that are due go out.
func (a *admin) close(ctx context.Context) error {
	if a == nil {
		return nil
	}
	var errs []error
	for _, s := range a.servers {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		if s.Shutdown(ctx) != nil {
			errs = append(errs, s.Close())
		}
		cancel()
	}
	return errors.Join(errs...)
}

// addProbes adds what is served on every address.
func (r *relay) addProbes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if r.stopping.Load() { // without the second that an answer is kept for
			http.Error(w, "shutting down", http.StatusServiceUnavailable)
			return
		}
		if err := r.ready.get(); err != nil {
			http.Error(w, fmt.Sprint(err), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.Handle("GET /metrics", r.metrics.Handler())
}
