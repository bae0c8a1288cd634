// Command quickstart identifies a user, tracks two events and shows what became
// of them. Without ALTERTABLE_API_KEY and ALTERTABLE_BASE_URL it runs offline,
// against an embedded server with the documented API.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func main() {
	key, url := os.Getenv("ALTERTABLE_API_KEY"), os.Getenv("ALTERTABLE_BASE_URL")
	var embedded *altertabletest.Server
	if key == "" && url == "" {
		embedded = altertabletest.NewServer()
		defer embedded.Close()
		url = embedded.URL
	}
	options := []altertable.Option{
		altertable.WithEnvironment(cmp.Or(os.Getenv("ALTERTABLE_ENVIRONMENT"), "production")),
		altertable.WithOnDelivery(func(d altertable.Delivery) {
			fmt.Printf("POST /%s: messages: %d, bytes: %d, error: %v\n", d.Endpoint, d.Count, d.Bytes, d.Err)
		}),
	}
	if url != "" {
		options = append(options, altertable.WithBaseURL(url))
	}
	client, err := altertable.New(cmp.Or(key, "quickstart"), options...)
	if err != nil {
		log.Fatal(err)
	}

	ctx, user := context.Background(), "u_42"
	check(client.Track(ctx, altertable.Track{Event: "Signed Up", DistinctID: user}))
	check(client.Identify(ctx, altertable.Identify{DistinctID: user, Traits: altertable.Traits{"name": "Ada", "plan": "pro"}}))
	check(client.Track(ctx, altertable.Track{Event: "Plan Upgraded", DistinctID: user, Properties: altertable.Properties{"seats": 5}}))
	check(client.Close()) // delivers what is queued

	if embedded == nil {
		return // an ingestion key can write, not read
	}
	for _, i := range embedded.Identities() {
		fmt.Printf("\nThe platform knows %s with the traits %v and the events\n", i.DistinctID, i.Traits)
	}
	for _, e := range embedded.Events() {
		fmt.Printf("%s  %s\n", e.Timestamp.Format("15:04:05.000"), e.Event)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
