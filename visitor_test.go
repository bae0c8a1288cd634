package altertable_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

const (
	anonymousID = "anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7"
	deviceID    = "device-0f8fad5b-d9cb-469f-a165-70867728950e"
)

// cookie returns a request's header as the browser SDK makes it.
func cookie(name, value string) string { return name + "=" + url.PathEscape(value) }

// requestWith returns a request for https://example.com/ with that header.
func requestWith(name string, values ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header[name] = values
	return r
}

// throughMiddleware returns the context that a handler behind Middleware sees.
func throughMiddleware(t testing.TB, client *altertable.Client, r *http.Request) (ctx context.Context) {
	t.Helper()
	client.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(httptest.NewRecorder(), r)
	require.NotNil(t, ctx)
	return ctx
}

func TestMiddleware(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithVisitorKey("pk_1"))
	var seen http.ResponseWriter
	handler := client.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = w
		if err := client.Track(altertable.ContextWithUser(r.Context(), "u_1"), event("e")); err != nil {
			t.Error(err)
		}
	}))
	for _, header := range []string{"", cookie("atbl.pk_1.production", `{"trackingConsent":"granted","distinctId":"`+anonymousID+`","deviceId":"`+deviceID+`"}`)} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", header)
		handler.ServeHTTP(w, r)
		assert.Same(t, w, seen, "not wrapped")
		assert.Empty(t, w.Header())
	}
	require.NoError(t, client.Flush(t.Context()))
	events := srv.Events()
	assert.Empty(t, events[0].AnonymousID)
	assert.Equal(t, anonymousID, events[1].AnonymousID)
	assert.Equal(t, deviceID, events[1].DeviceID)

	var none *altertable.Client
	next := http.NotFoundHandler()
	assert.NotNil(t, none.Middleware(next))
	_, ok := none.Visitor(httptest.NewRequest("GET", "/", nil))
	assert.False(t, ok)
}

func TestMiddlewareDoesNotAllocateWithoutACookie(t *testing.T) {
	client := newBenchClient(t, discard{})
	handler := client.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "session=abc; theme=dark")
	assert.Zero(t, testing.AllocsPerRun(1000, func() { handler.ServeHTTP(w, r) }))
}

func BenchmarkMiddleware(b *testing.B) {
	client := newBenchClient(b, discard{}, altertable.WithVisitorKey("pk_1"))
	handler := client.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, header := range map[string]string{
		"without cookie": "session=abc; theme=dark",
		"with cookie":    cookie("atbl.pk_1.production", `{"trackingConsent":"granted","anonymousId":"`+anonymousID+`","deviceId":"`+deviceID+`"}`),
	} {
		b.Run(name, func(b *testing.B) {
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Cookie", header)
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(w, r)
			}
		})
	}
}

// The middleware hands the visitor's ids to Identify, and what the visitor did
// before the login belongs to the user.
func ExampleClient_Middleware() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithVisitorKey("pk_1"))

	login := client.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = client.Identify(r.Context(), altertable.Identify{DistinctID: "u_42"})
	}))

	r := httptest.NewRequest("POST", "/login", nil)
	r.Header.Set("Cookie", cookie("atbl.pk_1.production", `{"trackingConsent":"granted","anonymousId":null,"distinctId":"anonymous-1"}`))
	login.ServeHTTP(httptest.NewRecorder(), r)
	_ = client.Close()
	fmt.Println(srv.Identities()[0].DistinctID, srv.Identities()[0].AnonymousIDs)
	// Output: u_42 [anonymous-1]
}
