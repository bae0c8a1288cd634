package altertabletest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Two failures, and then the event arrives.
func ExampleServer_Next() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	srv.Next(2, altertabletest.Status(503))

	client, err := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond}))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = client.Track(context.Background(), altertable.Track{Event: "order_placed", DistinctID: "u_42"})
	fmt.Println(client.Close())
	for _, r := range srv.Requests() {
		fmt.Println(r.Path, r.Status)
	}
	fmt.Println(srv.Events()[0].Event)
	// Output:
	// <nil>
	// /track 503
	// /track 503
	// /track 200
	// order_placed
}

// What a visitor did before the login belongs to the user after it.
func ExampleNewServer() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, err := altertable.New("key", altertable.WithBaseURL(srv.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	_ = client.Track(ctx, altertable.Track{Event: "page_viewed", DistinctID: "anonymous-1"})
	_ = client.Identify(ctx, altertable.Identify{DistinctID: "u_42", AnonymousID: "anonymous-1", Traits: altertable.Traits{"plan": "pro"}})
	_ = client.Close()

	e := srv.Events()[0]
	fmt.Println(e.Event, "by", e.IdentityID, e.IdentityTraits)
	// Output: page_viewed by u_42 map[plan:pro]
}

// A test that begins with a user the platform knows already.
func ExampleWithIdentities() {
	srv := altertabletest.NewServer(altertabletest.WithIdentities(altertabletest.Identity{
		Environment:  "production",
		DistinctID:   "u_42",
		Traits:       map[string]any{"plan": "free"},
		AnonymousIDs: []string{"anonymous-1"},
	}))
	defer srv.Close()
	client, err := altertable.New("key", altertable.WithBaseURL(srv.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = client.Track(context.Background(), altertable.Track{Event: "page_viewed", DistinctID: "anonymous-1"})
	_ = client.Close()

	e := srv.Events()[0]
	fmt.Println(e.Event, "by", e.IdentityID, e.IdentityTraits)
	// Output: page_viewed by u_42 map[plan:free]
}
