package altertabletest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
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

// A page that its visitor opened before the login, in the browser. What the
// handler tracks belongs to the visitor.
func ExampleVisitorCookie() {
	test := func(t testing.TB) {
		client, srv := altertabletest.New(t)
		handler := client.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			visitor, _ := altertable.VisitorFromContext(r.Context())
			_ = client.Track(r.Context(), altertable.Track{Event: "pricing_viewed", DistinctID: visitor.AnonymousID})
		}))

		r := httptest.NewRequest(http.MethodGet, "/pricing", nil)
		r.AddCookie(altertabletest.VisitorCookie(client, altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1"}))
		handler.ServeHTTP(httptest.NewRecorder(), r)
		_ = client.Flush(context.Background())

		event := srv.RequireEvent(t, altertabletest.Want{Event: "pricing_viewed"})
		fmt.Println(event.DistinctID, event.DeviceID)
	}
	run(test) // as go test does
	// Output: anonymous-1 device-1
}

// A page load with the user signed in: the handler identifies again, and what the
// visitor did before belongs to the user.
func ExampleServer_Identity() {
	test := func(t testing.TB) {
		client, srv := altertabletest.New(t)
		load := client.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user := "u_42" // of the session
			ctx := altertable.ContextWithUser(r.Context(), user)
			_ = client.Identify(ctx, altertable.Identify{DistinctID: user, Traits: altertable.Traits{"plan": "pro"}})
		}))
		_ = client.Track(context.Background(), altertable.Track{Event: "pricing_viewed", DistinctID: "anonymous-1"})

		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(altertabletest.VisitorCookie(client, altertable.Visitor{AnonymousID: "anonymous-1"}))
		load.ServeHTTP(httptest.NewRecorder(), r)
		_ = client.Flush(context.Background())

		identity, ok := srv.Identity("production", "u_42")
		fmt.Println(ok, identity.Traits, identity.AnonymousIDs)
		srv.RequireEvent(t, altertabletest.Want{Event: "pricing_viewed", IdentityID: "u_42", IdentityTraits: altertable.Traits{"plan": "pro"}})
	}
	run(test) // as go test does
	// Output: true map[plan:pro] [anonymous-1]
}

// The id of a billing system is linked to your own. Events under either are the
// user's.
func ExampleServer_Identities() {
	test := func(t testing.TB) {
		client, srv := altertabletest.New(t)
		ctx := context.Background()
		_ = client.Alias(ctx, altertable.Alias{DistinctID: "stripe:cus_123", NewUserID: "u_42"})
		_ = client.Track(ctx, altertable.Track{Event: "invoice_paid", DistinctID: "stripe:cus_123"})
		_ = client.Flush(ctx)

		srv.RequireEvent(t, altertabletest.Want{Event: "invoice_paid", IdentityID: "u_42"})
		for _, identity := range srv.Identities() {
			fmt.Println(identity.DistinctID, identity.Aliases)
		}
	}
	run(test) // as go test does
	// Output: u_42 [stripe:cus_123]
}

// A handler that must not track.
func ExampleServer_RequireNoEvent() {
	test := func(t testing.TB) {
		client, srv := altertabletest.New(t)
		_ = client.Track(context.Background(), altertable.Track{Event: "page_viewed", DistinctID: "u_42"})

		srv.RequireNoEvent(t, altertabletest.Want{Event: "order_placed"})
	}
	run(test) // as go test does
	// Output:
	// altertabletest: no event matches yet, which proves nothing
	// 	1 message is still queued: Flush first
}
