package altertable_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// The visitor of the browser's cookie looks around, and then signs up. What it
// did before is the user's.
func ExampleClient_Middleware_signUp() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /pricing", func(_ http.ResponseWriter, r *http.Request) {
		_ = client.Track(r.Context(), altertable.Track{Event: "pricing_viewed"})
	})
	mux.HandleFunc("POST /signup", func(_ http.ResponseWriter, r *http.Request) {
		ctx := altertable.ContextWithUser(r.Context(), "u_42") // the user that was created
		_ = client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"plan": "free"}})
		_ = client.Track(ctx, altertable.Track{Event: "signed_up"})
	})
	service := client.Middleware(mux)

	cookie := altertabletest.VisitorCookie(client, altertable.Visitor{
		AnonymousID: "anonymous-1", Consent: altertable.ConsentGranted,
	})
	for _, request := range []*http.Request{
		httptest.NewRequest("GET", "/pricing", nil),
		httptest.NewRequest("POST", "/signup", nil),
	} {
		request.AddCookie(cookie)
		service.ServeHTTP(httptest.NewRecorder(), request)
		_ = client.Flush(request.Context())
	}
	for _, e := range srv.Events() {
		fmt.Println(e.Event, "by", e.DistinctID, "belongs to", e.IdentityID)
	}
	// Output:
	// pricing_viewed by anonymous-1 belongs to u_42
	// signed_up by u_42 belongs to u_42
}

// Where requests are not of net/http, in fasthttp and gRPC, their cookies are
// given as a header. The visitor is put into the context in any case: without
// ids, it still holds the consent.
func ExampleClient_Visitor() {
	client, _ := altertable.New("pk_1")
	defer client.Close()
	cookies := `atbl.pk_1.production={"anonymousId":null,"distinctId":"anonymous-1","trackingConsent":"denied"}`

	visitor, ok := client.Visitor(&http.Request{Header: http.Header{"Cookie": {cookies}}})
	ctx := altertable.ContextWithVisitor(context.Background(), visitor)
	_, usable := altertable.VisitorFromContext(ctx)
	fmt.Println(ok, usable, visitor.Consent)
	// Output: false false denied
}

// The middleware that authenticates says who acts, once for all handlers: that of
// a user, and that of an administrator who writes about a customer.
func ExampleContextWithUser_administrator() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	authenticate := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if id := r.Header.Get("Authorization"); id != "" { // in a service: the user of a session that was checked
				r = r.WithContext(altertable.ContextWithUser(r.Context(), id))
			}
			next.ServeHTTP(w, r)
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /plan", func(_ http.ResponseWriter, r *http.Request) {
		_ = client.Track(r.Context(), altertable.Track{Event: "plan_upgraded"})
	})
	mux.HandleFunc("POST /admin/plan", func(_ http.ResponseWriter, r *http.Request) {
		_ = client.Track(r.Context(), altertable.Track{Event: "plan_granted", DistinctID: r.FormValue("customer")})
	})
	service := client.Middleware(authenticate(mux))

	cookie := altertabletest.VisitorCookie(client, altertable.Visitor{
		AnonymousID: "anonymous-1", Consent: altertable.ConsentGranted,
	})
	for _, path := range []string{"/plan", "/admin/plan?customer=u_7"} {
		request := httptest.NewRequest("POST", path, nil)
		request.Header.Set("Authorization", "u_42")
		request.AddCookie(cookie)
		service.ServeHTTP(httptest.NewRecorder(), request)
	}
	_ = client.Close()

	// The customer is not tied to the browser of the administrator.
	for _, e := range srv.Events() {
		fmt.Printf("%s: %s %q\n", e.Event, e.DistinctID, e.AnonymousID)
	}
	// Output:
	// plan_upgraded: u_42 "anonymous-1"
	// plan_granted: u_7 ""
}

// What all events of a request have in common is said once.
func ExampleContextWithProperties() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	ctx := altertable.ContextWithUser(context.Background(), "u_42")
	ctx = altertable.ContextWithProperties(ctx, altertable.Properties{"company": "acme", "source": "web"})
	_ = client.Track(ctx, altertable.Track{Event: "report_opened"})
	_ = client.Track(ctx, altertable.Track{Event: "report_sent", Properties: altertable.Properties{"source": "mail"}})
	_ = client.Close()

	for _, e := range srv.Events() {
		fmt.Println(e.Event, e.Properties["company"], e.Properties["source"])
	}
	// Output:
	// report_opened acme web
	// report_sent acme mail
}

// A supporter acts in a customer's place. Without the zero Visitor the
// supporter's browser would be linked to the customer for good.
func ExampleContextWithVisitor() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	ctx := altertable.ContextWithVisitor(context.Background(), altertable.Visitor{AnonymousID: "anonymous-1"}) // as Middleware does

	ctx = altertable.ContextWithUser(ctx, "u_7")
	ctx = altertable.ContextWithVisitor(ctx, altertable.Visitor{})
	_ = client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"plan": "pro"}})
	_ = client.Close()
	i := srv.Identities()[0]
	fmt.Println(i.DistinctID, "is linked to", len(i.AnonymousIDs), "browsers")
	// Output: u_7 is linked to 0 browsers
}

// A visitor who did not agree leaves no event, and the handler need not ask.
func ExampleWithConsentRequired() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithConsentRequired())
	service := client.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := client.Track(r.Context(), altertable.Track{Event: "pricing_viewed"}); err != nil {
			fmt.Println(err)
		}
	}))

	for _, consent := range []altertable.Consent{altertable.ConsentGranted, altertable.ConsentPending, altertable.ConsentDenied} {
		request := httptest.NewRequest("GET", "/pricing", nil)
		request.AddCookie(altertabletest.VisitorCookie(client, altertable.Visitor{AnonymousID: "anonymous-1", Consent: consent}))
		service.ServeHTTP(httptest.NewRecorder(), request)
	}
	_ = client.Close()
	fmt.Println("delivered:", len(srv.Events()), "discarded:", client.Stats().Discarded)
	// Output: delivered: 1 discarded: 2
}
