// Command webapp is a small service with sign-up, login, an upgrade and logout,
// whose visitors become known users: what they did before the login belongs to
// them afterwards. The page sets the cookie that the browser SDK would set, the
// client's middleware reads it, and the authentication says who acts. So a
// handler tracks with one line. An administrator, whose password is logged at
// the start, upgrades customers, and nothing of the administrator's browser gets
// into what is sent about them.
//
// It runs offline against an embedded server, whose view of the visitors is at
// /analytics, or, where ALTERTABLE_API_KEY or ALTERTABLE_BASE_URL is set,
// against the API that the environment variables name. On SIGTERM it delivers
// what was tracked, and ends.
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
	environment := cmp.Or(os.Getenv("ALTERTABLE_ENVIRONMENT"), "production")
	client, embedded, err := newClient(environment)
	if err != nil {
		return err
	}
	if embedded != nil {
		defer embedded.Close()
	}
	app := newApp(client, environment)
	app.embedded, app.secure = embedded, secure
	app.console = consoleURL(os.Getenv("ALTERTABLE_BASE_URL"))
	password, err := app.users.addAdmin(ctx)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	log.Printf("the administrator is %s, password %s", adminEmail, password)

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

	// One deadline for both: handlers first, since they track to their end. One
	// that hangs leaves time to deliver what the others tracked.
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	handlers, cancelHandlers := context.WithTimeout(deadline, 7*time.Second)
	defer cancelHandlers()
	return errors.Join(err, server.Shutdown(handlers), client.Shutdown(deadline))
}

// browserKey is the key of the browser SDK, which is public. In a real service
// it is another one than the server's.
const browserKey = "pk_browser"

// newClient returns a client of the API that the environment names, or else of
// an embedded server, which it returns too.
func newClient(environment string) (*altertable.Client, *altertabletest.Server, error) {
	visitors := altertable.WithVisitorKey(browserKey)
	if os.Getenv("ALTERTABLE_API_KEY") != "" || os.Getenv("ALTERTABLE_BASE_URL") != "" {
		client, err := altertable.NewFromEnv(visitors)
		return client, nil, err
	}
	embedded := altertabletest.NewServer(altertabletest.WithHistory(200))
	client, err := altertable.New("embedded", visitors,
		altertable.WithBaseURL(embedded.URL), altertable.WithEnvironment(environment))
	if err != nil {
		embedded.Close()
		return nil, nil, err
	}
	return client, embedded, nil
}
