// Command metrics is a service whose analytics are watched like the rest of it:
// its /metrics has the numbers of its altertable.Client beside those of the
// process, for a Prometheus to scrape.
//
// It runs offline, against an embedded server that fails on demand, so that an
// outage can be watched from beginning to end; or, where ALTERTABLE_API_KEY or
// ALTERTABLE_BASE_URL is set, against the API that the environment variables name.
// On SIGTERM it delivers what was tracked, and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	every := 200 * time.Millisecond
	flag.Func("rate", "orders a second that it places by itself, 0 for none (default 5)", func(text string) (err error) {
		every, err = parseRate(text)
		return err
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, *addr, every); err != nil {
		log.Fatal(err)
	}
}

// parseRate returns the time from one to the next of so many a second, 0 if there
// are none.
func parseRate(text string) (time.Duration, error) {
	rate, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(rate == 0 || rate >= 0.001 && rate <= 1000):
		return 0, errors.New("want 0.001 to 1000 a second, or 0 for none")
	case rate == 0:
		return 0, nil
	}
	return time.Duration(float64(time.Second) / rate), nil
}

func run(ctx context.Context, addr string, every time.Duration) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; -addr names another address", err)
	}
	s, err := newService()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	log.Printf("listening on http://%s\n%s", listener.Addr(), s.usage(listener.Addr()))
	return s.serve(ctx, listener, every)
}

// serve answers requests, and places an order every so often, until ctx ends.
func (s *service) serve(ctx context.Context, listener net.Listener, every time.Duration) error {
	server := &http.Server{Handler: s.handler(), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	working, stop := context.WithCancel(ctx)
	defer stop()
	var traffic sync.WaitGroup
	traffic.Go(func() { s.placeOrders(working, every) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}

	// One deadline for all: first what tracks, then the client, which delivers it.
	//
	// So /metrics ends before the client does, and what happens after the last
	// scrape is in the log alone. A /metrics that outlived the client would not
	// change that, unless the process then waited for one more scrape.
	stop()
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	handlers, cancelHandlers := context.WithTimeout(deadline, 7*time.Second)
	defer cancelHandlers()
	err = errors.Join(err, server.Shutdown(handlers))
	traffic.Wait()
	s.close(deadline)
	return err
}
