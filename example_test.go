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
		client.Track(ctx, altertable.Track{Event: "plan_upgraded", DistinctID: "u_42", Properties: altertable.Properties{"seats": 5}}),
		client.Close(), // delivers what is queued
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range srv.Events() {
		fmt.Println(e.Event, "seats:", e.Properties["seats"], "plan:", e.IdentityTraits["plan"])
	}
	// Output: plan_upgraded seats: 5 plan: pro
}

// The variables that a deployment, or the command local, sets for the process.
func ExampleNewFromEnv() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	_ = os.Setenv("ALTERTABLE_API_KEY", "key")
	_ = os.Setenv("ALTERTABLE_BASE_URL", srv.URL)
	defer os.Unsetenv("ALTERTABLE_API_KEY")
	defer os.Unsetenv("ALTERTABLE_BASE_URL")

	client, err := altertable.NewFromEnv(altertable.WithRelease("1.4.0")) // an option replaces its variable
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = client.Track(context.Background(), altertable.Track{Event: "plan_upgraded", DistinctID: "u_42"})
	_ = client.Close()
	fmt.Println(srv.Events()[0].Event, srv.Events()[0].Properties["$release"])
	// Output: plan_upgraded 1.4.0
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
			client.Track(r.Context(), altertable.Track{Event: "signed_up", DistinctID: id}),
		)
		if err != nil {
			fmt.Println("analytics:", err)
		}
		w.WriteHeader(http.StatusCreated)
	}

	signUp(httptest.NewRecorder(), httptest.NewRequest("POST", "/signup?plan=free", nil))
	_ = client.Close()
	fmt.Println(srv.Events()[0].Event, "plan:", srv.Identities()[0].Traits["plan"])
	// Output: signed_up plan: free
}

// An id of the billing system is linked to the service's own, which stays the
// person's id.
func ExampleClient_Alias() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	ctx := context.Background()
	_ = client.Track(ctx, altertable.Track{Event: "invoice_paid", DistinctID: "stripe:cus_123"}) // by the billing system
	_ = client.Alias(ctx, altertable.Alias{DistinctID: "stripe:cus_123", NewUserID: "u_42"})
	_ = client.Close()
	fmt.Println(srv.Events()[0].Event, "belongs to", srv.Events()[0].IdentityID)
	// Output: invoice_paid belongs to u_42
}

func ExampleClient_Shutdown() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))
	_ = client.Track(context.Background(), altertable.Track{Event: "order_placed", DistinctID: "u_42"})

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

	_ = client.Track(context.Background(), altertable.Track{Event: "report_finished", DistinctID: "u_42"})
	if err := client.Flush(context.Background()); err != nil {
		fmt.Println("not delivered:", err)
	}
	fmt.Println(len(srv.Events()), "delivered")
	// Output: 1 delivered
}

func ExampleClient_TrackSync() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))
	defer client.Close()

	response, err := client.TrackSync(context.Background(), altertable.Track{Event: "invoice_paid", DistinctID: "u_42"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("stored:", response.OK)
	// Output: stored: true
}

// The platform answers after it has done the work: the next query sees the plan.
func ExampleClient_IdentifySync() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := client.IdentifySync(ctx,
		altertable.Identify{DistinctID: "u_42", Traits: altertable.Traits{"plan": "pro"}},
		altertable.Identify{DistinctID: "u_43", Traits: altertable.Traits{"plan": "free"}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range srv.Identities() {
		fmt.Println(i.DistinctID, i.Traits["plan"])
	}
	// Output:
	// u_42 pro
	// u_43 free
}

// What a metrics endpoint exports. Two alerts are enough to begin with.
func ExampleClient_Stats() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))
	_ = client.Track(context.Background(), altertable.Track{Event: "order_placed", DistinctID: "u_42"})
	_ = client.Close()

	s := client.Stats()
	fmt.Println("delivered:", s.Delivered, "queued:", s.Queued)
	fmt.Println("nothing gets through:", s.Oldest > 5*time.Minute)
	fmt.Println("lost:", s.Failed+s.Dropped+s.RejectedFull+s.RejectedSpool)
	// Output:
	// delivered: 1 queued: 0
	// nothing gets through: false
	// lost: 0
}

func ExampleValidationError() {
	client, _ := altertable.New("key", altertable.WithDisabled(true))
	err := client.Track(context.Background(), altertable.Track{Event: "signed_up", DistinctID: "undefined"})
	var invalid *altertable.ValidationError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.Field, invalid.Reason)
	}

	// The text names the call and, for a value that cannot be encoded, the key.
	fmt.Println(client.Track(context.Background(), altertable.Track{
		Event: "signed_up", DistinctID: "u_42", Properties: altertable.Properties{"plan": func() string { return "pro" }},
	}))
	// Output:
	// distinct_id is a reserved word, not an id
	// altertable: Track: properties "plan" holds a value of type func() string, which JSON cannot express
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
	_ = first.Track(context.Background(), altertable.Track{Event: "order_placed", DistinctID: "u_42"})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := first.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println("left on disk:", first.Stats().Queued)

	// The second one delivers what is left.
	srv.Up()
	second, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithSpool(dir))
	if err := second.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println("delivered:", second.Stats().Delivered)
	// Output:
	// left on disk: 1
	// delivered: 1
}
