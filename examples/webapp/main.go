// Command webapp is a small service with sign-up, login, an upgrade and logout,
// whose visitors become known users: what they did before the login belongs to
// them afterwards. The page sets the cookie that the browser SDK would set, and
// the middleware reads it.
//
// It runs offline against an embedded server, whose view of the visitors is at
// /analytics, or against the API that ALTERTABLE_API_KEY and
// ALTERTABLE_BASE_URL name. On SIGTERM it delivers what was tracked, and ends.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	secure := flag.Bool("secure", false, "send the session cookie over HTTPS only; set it behind TLS")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, *addr, *secure); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string, secure bool) error {
	key := cmp.Or(os.Getenv("ALTERTABLE_API_KEY"), "pk_webapp")
	environment := cmp.Or(os.Getenv("ALTERTABLE_ENVIRONMENT"), "production")
	options := []altertable.Option{altertable.WithEnvironment(environment)}
	var embedded *altertabletest.Server
	if url := os.Getenv("ALTERTABLE_BASE_URL"); url != "" {
		options = append(options, altertable.WithBaseURL(url))
	} else if os.Getenv("ALTERTABLE_API_KEY") == "" {
		embedded = altertabletest.NewServer()
		defer embedded.Close()
		options = append(options, altertable.WithBaseURL(embedded.URL))
	}
	// In a real service the browser SDK has a key of its own, which is public.
	const browserKey = "pk_browser"
	client, err := altertable.New(key, append(options, altertable.WithVisitorKey(browserKey))...)
	if err != nil {
		return err
	}
	app := &app{
		analytics: client,
		embedded:  embedded,
		cookie:    "atbl." + browserKey + "." + environment,
		secure:    secure,
		users:     newUsers(),
	}

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	server := &http.Server{Handler: app.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Printf("listening on http://%s", listener.Addr())
	select {
	case <-ctx.Done():
	case err = <-failed:
	}

	// One deadline for both: handlers first, since they track to their end.
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(deadline), client.Shutdown(deadline))
}
