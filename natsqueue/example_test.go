package natsqueue_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/natsqueue"
)

// A service stores its events on the stream of tenant acme. Here the NATS server is
// one in this process, and the stream, which a relay makes elsewhere, is read to show
// what is on it.
func Example() {
	stop, url := runServer()
	defer stop()

	nc, err := nats.Connect(url, natsqueue.ConnectOptions()...)
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	stream := makeStream(js)

	client, err := altertable.New("unused", // the relay has the key
		altertable.WithHTTPClient(&http.Client{Transport: natsqueue.New(js, "acme")}),
		altertable.WithMaxBatchBytes(1000<<10))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"}); err != nil {
		log.Print(err)
	}
	if err := client.Close(); err != nil { // before the connection
		log.Print(err)
	}

	info, _ := stream.Info(ctx)
	fmt.Println("delivered:", client.Stats().Delivered)
	fmt.Println("messages on the stream:", info.State.Msgs)
	// Output:
	// delivered: 1
	// messages on the stream: 1
}

// The client is shut down first: what it has queued needs the connection.
func ExampleNew_shutdown() {
	stop, url := runServer()
	defer stop()
	closed := make(chan struct{})
	nc, _ := nats.Connect(url, append(natsqueue.ConnectOptions(),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))...)
	js, _ := jetstream.New(nc)
	makeStream(js)
	client, _ := altertable.New("unused",
		altertable.WithHTTPClient(&http.Client{Transport: natsqueue.New(js, "acme")}),
		altertable.WithMaxBatchBytes(1000<<10))
	_ = client.Track(context.Background(), altertable.Track{Event: "plan_upgraded", DistinctID: "u_42"})

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := client.Shutdown(ctx); err != nil {
		log.Print(err) // how many are not stored, and why
	}
	if err := nc.Drain(); err != nil { // for what else uses the connection
		log.Print(err)
	}
	<-closed
	fmt.Println(client.Stats().Queued)
	// Output: 0
}

// Options of your own go beside those of the package.
func ExampleConnectOptions() {
	stop, url := runServer()
	defer stop()
	options := append(natsqueue.ConnectOptions(),
		nats.Name("checkout"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { slog.Warn("NATS", "error", err) }),
	)
	nc, err := nats.Connect(url, options...)
	if err != nil {
		log.Fatal(err) // the options are at fault: a server that is away is no error
	}
	defer nc.Close()
	fmt.Println(nc.IsConnected())
	// Output: true
}

// runServer stands for the NATS servers of a company.
func runServer() (stop func(), url string) {
	dir, err := os.MkdirTemp("", "natsqueue")
	if err != nil {
		log.Fatal(err)
	}
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		log.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		log.Fatal("no NATS server")
	}
	return func() {
		srv.Shutdown()
		srv.WaitForShutdown()
		_ = os.RemoveAll(dir) // it is in the system's directory for such files
	}, srv.ClientURL()
}

// makeStream stands for the relay, which makes the stream.
func makeStream(js jetstream.JetStream) jetstream.Stream {
	stream, err := js.CreateStream(context.Background(), streamConfig("acme"))
	if err != nil {
		log.Fatal(err)
	}
	return stream
}
