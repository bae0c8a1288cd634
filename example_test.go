package altertable_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func Example() {
	srv := altertabletest.NewServer() // stands for the API
	defer srv.Close()
	client, err := altertable.New("key", altertable.WithBaseURL(srv.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	err = errors.Join(
		client.Identify(ctx, altertable.Identify{DistinctID: "u_42", Traits: altertable.Traits{"plan": "pro"}}),
		client.Track(ctx, altertable.Track{Event: "Plan Upgraded", DistinctID: "u_42", Properties: altertable.Properties{"seats": 5}}),
		client.Close(), // delivers what is queued
	)
	fmt.Println("error:", err)
	for _, e := range srv.Events() {
		fmt.Println(e.Event, e.Properties["seats"], e.IdentityTraits)
	}
	// Output:
	// error: <nil>
	// Plan Upgraded 5 map[plan:pro]
}

// A handler for sign-ups. What the analytics say does not change its answer.
func ExampleClient_Identify() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	signUp := func(w http.ResponseWriter, r *http.Request) {
		id := "u_42" // of the user that was created
		err := errors.Join(
			client.Identify(r.Context(), altertable.Identify{DistinctID: id, Traits: altertable.Traits{"plan": r.FormValue("plan")}}),
			client.Track(r.Context(), altertable.Track{Event: "Signed Up", DistinctID: id}),
		)
		if err != nil {
			fmt.Println("analytics:", err)
		}
		w.WriteHeader(http.StatusCreated)
	}

	signUp(httptest.NewRecorder(), httptest.NewRequest("POST", "/signup?plan=free", nil))
	_ = client.Close()
	fmt.Println(srv.Events()[0].Event, srv.Identities()[0].Traits)
	// Output: Signed Up map[plan:free]
}

func ExampleClient_Shutdown() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))
	_ = client.Track(context.Background(), altertable.Track{Event: "Order Placed", DistinctID: "u_42"})

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var undelivered *altertable.UndeliveredError
	if err := client.Shutdown(ctx); errors.As(err, &undelivered) {
		fmt.Println(undelivered.Count, "messages were not delivered")
	}
	fmt.Println(client.Stats().Delivered, "delivered")
	// Output: 1 delivered
}

func ExampleClient_Flush() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))
	defer client.Close()

	_ = client.Track(context.Background(), altertable.Track{Event: "Job Finished", DistinctID: "u_42"})
	fmt.Println(client.Flush(context.Background()), len(srv.Events()))
	// Output: <nil> 1
}

func ExampleClient_TrackSync() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))
	defer client.Close()

	response, err := client.TrackSync(context.Background(), altertable.Track{Event: "Invoice Paid", DistinctID: "u_42"})
	fmt.Println(response.OK, err)
	// Output: true <nil>
}

// Messages that will not be delivered are written aside, one JSON object a line.
func ExampleWithOnError() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	srv.Always(altertabletest.Status(401))
	deadLetters := os.Stdout

	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithOnError(func(err error) {
		var lost *altertable.DeliveryError
		if errors.As(err, &lost) {
			for _, payload := range lost.Payloads() {
				_, _ = deadLetters.Write(append(payload, '\n'))
			}
		}
	}))
	_ = client.Alias(context.Background(), altertable.Alias{
		DistinctID: "u_42", NewUserID: "stripe:cus_123", Timestamp: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	fmt.Println(errors.Is(client.Close(), altertable.ErrUnauthorized))
	// Output:
	// {"environment":"production","distinct_id":"u_42","new_user_id":"stripe:cus_123","timestamp":"2026-01-01T00:00:00.000Z"}
	// true
}

// A transport of one's own, which finds out with pings that an HTTP/2
// connection is dead.
func ExampleWithHTTPClient() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 8, // as many as WithMaxInFlight
		IdleConnTimeout:     90 * time.Second,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 5 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
	defer transport.CloseIdleConnections()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithHTTPClient(&http.Client{Transport: transport}))
	_ = client.Track(context.Background(), altertable.Track{Event: "Signed Up", DistinctID: "u_42"})
	fmt.Println(client.Close(), len(srv.Events()))
	// Output: <nil> 1
}

func ExampleWithBeforeSend() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
			switch m := m.(type) {
			case altertable.Track:
				if m.Event == "Health Checked" {
					return nil // discarded
				}
				delete(m.Properties, "email")
			case altertable.Identify:
				delete(m.Traits, "email")
			}
			return m
		}))
	ctx := context.Background()
	_ = client.Track(ctx, altertable.Track{Event: "Health Checked", DistinctID: "u_42"})
	_ = client.Track(ctx, altertable.Track{Event: "Mail Opened", DistinctID: "u_42", Properties: altertable.Properties{"email": "ada@example.com"}})
	_ = client.Close()
	fmt.Println(len(srv.Events()), srv.Events()[0].Properties["email"])
	// Output: 1 <nil>
}

func ExampleValidationError() {
	client, _ := altertable.New("key", altertable.WithDisabled(true))
	err := client.Track(context.Background(), altertable.Track{Event: "Signed Up", DistinctID: "undefined"})
	var invalid *altertable.ValidationError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.Field, invalid.Reason)
	}

	// The text names the call and, for a value that cannot be encoded, the key.
	fmt.Println(client.Track(context.Background(), altertable.Track{
		Event: "Signed Up", DistinctID: "u_42", Properties: altertable.Properties{"plan": func() string { return "pro" }},
	}))
	// Output:
	// distinct_id is a reserved word, not an id
	// altertable: Track: properties "plan" holds a value of type func() string, which JSON cannot express
}

// An administrator changes another user's plan. Without the zero Visitor that
// user would be tied to the administrator's browser.
func ExampleContextWithVisitor() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	ctx := altertable.ContextWithVisitor(context.Background(), altertable.Visitor{AnonymousID: "anonymous-1"}) // as Middleware does
	_ = client.Identify(altertable.ContextWithVisitor(ctx, altertable.Visitor{}), altertable.Identify{
		DistinctID: "u_7", Traits: altertable.Traits{"plan": "pro"},
	})
	_ = client.Close()
	fmt.Println(srv.Identities()[0].AnonymousIDs)
	// Output: []
}

func ExampleWithSpool() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	dir, err := os.MkdirTemp("", "spool") // in a service: a directory that outlives it
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	// The first process ends while the server is down.
	srv.Down()
	first, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithSpool(dir), altertable.WithOnError(func(error) {}))
	_ = first.Track(context.Background(), altertable.Track{Event: "Order Placed", DistinctID: "u_42"})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	fmt.Println("first:", first.Shutdown(ctx), first.Stats().Queued, "on disk")

	// The second one delivers what is left.
	srv.Up()
	second, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithSpool(dir))
	fmt.Println("second:", second.Close(), second.Stats().Delivered, "delivered")
	// Output:
	// first: <nil> 1 on disk
	// second: <nil> 1 delivered
}
