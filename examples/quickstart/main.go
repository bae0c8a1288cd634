// Command quickstart identifies a user, tracks two events and shows what became
// of them. Without ALTERTABLE_API_KEY and ALTERTABLE_BASE_URL it runs offline,
// against an embedded server with the documented API.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) error {
	client, embedded, err := connect(altertable.WithOnDelivery(func(d altertable.Delivery) { printDelivery(out, d) }))
	if err != nil {
		return err
	}
	if embedded != nil {
		defer embedded.Close()
		fmt.Fprint(out, "Offline: an embedded server stands in for Altertable.\n\n")
	}

	ctx, user := context.Background(), "u_42"
	err = errors.Join(
		client.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: user}),
		client.Identify(ctx, altertable.Identify{DistinctID: user, Traits: altertable.Traits{"name": "Ada", "plan": "pro"}}),
		client.Track(ctx, altertable.Track{Event: "plan_upgraded", DistinctID: user, Properties: altertable.Properties{"seats": 5}}),
	)
	fmt.Fprintf(out, "queued:    %d messages about %s\n", client.Stats().Accepted, user)
	if err := errors.Join(err, client.Close()); err != nil { // Close delivers what is queued
		return err
	}
	switch {
	case embedded != nil:
		printUser(out, embedded)
	case client.Stats().Delivered == 0:
		fmt.Fprint(out, "\nNothing was sent: the client is disabled.\n")
	default:
		printPlaces(out)
	}
	return nil
}

// connect returns a client of the API that the environment names, or else of an
// embedded server, which is the caller's to close.
func connect(opts ...altertable.Option) (*altertable.Client, *altertabletest.Server, error) {
	if os.Getenv("ALTERTABLE_API_KEY") != "" || os.Getenv("ALTERTABLE_BASE_URL") != "" {
		client, err := altertable.NewFromEnv(opts...)
		return client, nil, err
	}
	embedded := altertabletest.NewServer()
	client, err := altertable.New("any", append(opts, altertable.WithBaseURL(embedded.URL))...)
	return client, embedded, err
}

// printDelivery tells what became of a batch of messages.
func printDelivery(out io.Writer, d altertable.Delivery) {
	what := fmt.Sprintf("%d %s", d.Count, d.Endpoint)
	if d.Endpoint == "track" && d.Count > 1 {
		what += "s"
	}
	if d.Err != nil { // the log says why
		fmt.Fprintf(out, "lost:      %s\n", what)
		return
	}
	fmt.Fprintf(out, "delivered: %s\n", what)
}

// printUser tells what the server knows of its only user.
func printUser(out io.Writer, server *altertabletest.Server) {
	for _, identity := range server.Identities() {
		fmt.Fprintf(out, "\n%s has the traits\n", identity.DistinctID)
		for _, name := range slices.Sorted(maps.Keys(identity.Traits)) {
			fmt.Fprintf(out, "  %-6s %v\n", name, identity.Traits[name])
		}
		fmt.Fprint(out, "and the events\n")
	}
	for _, event := range server.Events() {
		fmt.Fprintf(out, "  %s  %s", event.Timestamp.Local().Format("15:04:05.000"), event.Event)
		for _, name := range slices.Sorted(maps.Keys(event.Properties)) {
			if !strings.HasPrefix(name, "$") { // those the client added
				fmt.Fprintf(out, ", %s: %v", name, event.Properties[name])
			}
		}
		fmt.Fprintln(out)
	}
}

// printPlaces tells where to look. An ingestion key can write, and never read.
func printPlaces(out io.Writer) {
	const dashboard = "https://altertable.ai/dashboard"
	if url := os.Getenv("ALTERTABLE_BASE_URL"); url != "" {
		fmt.Fprintf(out, "\nTo see them, open %s/ if that is altertable-local, look at the\nterminal of the relay if it is altertable-relay, else open %s\n", strings.TrimSuffix(url, "/"), dashboard)
		return
	}
	fmt.Fprintf(out, "\nTo see them, open %s\n", dashboard)
}
