// Command shutdown is an HTTP server that loses no event when it is told to
// stop: on SIGTERM it first lets the handlers finish, and then delivers what
// they tracked. It runs offline against an embedded server unless
// ALTERTABLE_API_KEY or ALTERTABLE_BASE_URL is set.
package main

import (
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
	addr := flag.String("addr", "127.0.0.1:8081", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string) error {
	client, closeServer, err := connect()
	if err != nil {
		return err
	}
	defer closeServer()

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(client), ReadHeaderTimeout: 5 * time.Second}
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
	err = errors.Join(err, server.Shutdown(handlers), client.Shutdown(deadline))
	stats := client.Stats()
	log.Printf("stopped: %d accepted, %d delivered", stats.Accepted, stats.Delivered)
	return err
}

func handler(client *altertable.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{user}", func(w http.ResponseWriter, r *http.Request) {
		err := client.Track(r.Context(), altertable.Track{Event: "order_placed", DistinctID: r.PathValue("user")})
		if err != nil {
			log.Print(err) // the order stands all the same
		}
		w.WriteHeader(http.StatusCreated)
	})
	return mux
}

// connect returns a client of the API that the environment names, or else of an
// embedded server, which closeServer ends.
func connect() (client *altertable.Client, closeServer func(), err error) {
	if os.Getenv("ALTERTABLE_API_KEY") != "" || os.Getenv("ALTERTABLE_BASE_URL") != "" {
		client, err = altertable.NewFromEnv()
		return client, func() {}, err
	}
	embedded := altertabletest.NewServer()
	client, err = altertable.New("any", altertable.WithBaseURL(embedded.URL))
	return client, embedded.Close, err
}
