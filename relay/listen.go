package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
)

// What a producer may take its time with, and what it may send. A body is 2 MiB at
// most, and a connection that waits for its next request costs little.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
)

// newPublic returns the server that producers send to.
func newPublic(handler http.Handler, syncTimeout time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout + syncTimeout + headerTimeout, // counts from the header
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          newHTTPLog(log),
	}
}

// listenPublic opens the producers' port.
func listenPublic(c *config.Config, log *slog.Logger) (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if c.TLSCert == "" {
		return l, nil
	}
	files := &certificates{cert: c.TLSCert, key: c.TLSKey, clientCA: c.TLSClientCA, log: log}
	if err := files.read(); err != nil {
		_ = l.Close()
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return files.current(), nil },
	}), nil
}

// certificates are read again when their files change, as Kubernetes and ACME
// clients renew them.
type certificates struct {
	cert, key, clientCA string // files
	log                 *slog.Logger

	mu     sync.Mutex // guards what follows
	config *tls.Config
	stamps [3]stamp
	looked time.Time
}

// A stamp tells a file from its successor.
type stamp struct {
	time time.Time
	size int64
}

const lookEvery = time.Second

// current returns the configuration of a connection that begins now.
func (f *certificates) current() *tls.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= lookEvery {
		f.looked = now
		if stamps := f.stampsNow(); stamps != f.stamps {
			f.readLocked(stamps)
		}
	}
	return f.config
}

func (f *certificates) read() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readLocked(f.stampsNow())
}

// readLocked keeps what there is if the files are wrong, as they are between two
// writes. It then reads them again each time.
func (f *certificates) readLocked(stamps [3]stamp) error {
	c, err := config.ReadTLS(f.cert, f.key, f.clientCA)
	if err != nil {
		if f.config != nil {
			f.log.Warn("certificates are not replaced", "error", err)
		}
		return err
	}
	if f.config != nil {
		f.log.Info("certificates are replaced")
	}
	c.NextProtos = []string{"h2", "http/1.1"}
	f.config, f.stamps = c, stamps
	return nil
}

func (f *certificates) stampsNow() (stamps [3]stamp) {
	for i, path := range []string{f.cert, f.key, f.clientCA} {
		if info, err := os.Stat(path); path != "" && err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}
