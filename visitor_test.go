package altertable_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// What the context has besides stays there.
func TestMiddlewareKeepsTheContext(t *testing.T) {
	outer := altertable.Visitor{AnonymousID: "anonymous-0"}
	ctx := altertable.ContextWithVisitor(altertable.ContextWithUser(context.WithValue(t.Context(), ctxKey{}, 1), "u_1"), outer)
	for header, want := range map[string]altertable.Visitor{
		"": outer,
		cookie("atbl.pk_1.production", `{"trackingConsent":"granted","anonymousId":"anonymous-1"}`): {AnonymousID: "anonymous-1", Consent: altertable.ConsentGranted},
		cookie("atbl.pk_1.production", `{"trackingConsent":"denied"}`):                              {Consent: altertable.ConsentDenied},
		cookie("atbl.pk_1.production", `{"trackingConsent":"maybe"}`):                               outer,
	} {
		for _, option := range []altertable.Option{nil, altertable.WithRequestProperties()} {
			client, _, _ := newClient(t, altertable.WithVisitorKey("pk_1"), option)
			ctx := throughMiddleware(t, client, requestWith("Cookie", header).WithContext(ctx))
			v, _ := altertable.VisitorFromContext(ctx)
			assert.Equal(t, want, v)
			user, _ := altertable.UserFromContext(ctx)
			assert.Equal(t, "u_1", user)
			assert.Equal(t, 1, ctx.Value(ctxKey{}))
		}
	}
}

// Of two clients' middlewares the inner one's visitor counts, for both clients, and
// each client decides whether it wants the request's properties.
func TestMiddlewaresOfTwoClients(t *testing.T) {
	outer, outerSrv, _ := newClient(t, altertable.WithVisitorKey("pk_1"), altertable.WithRequestProperties())
	inner, innerSrv, _ := newClient(t, altertable.WithVisitorKey("pk_2"))
	of := func(key, id string) string {
		return cookie("atbl."+key+".production", `{"trackingConsent":"granted","anonymousId":"`+id+`"}`)
	}
	for header, want := range map[string]string{
		of("pk_1", "anonymous-1") + "; " + of("pk_2", "anonymous-2"): "anonymous-2",
		of("pk_1", "anonymous-1"):                                    "anonymous-1",
	} {
		outerSrv.Reset()
		innerSrv.Reset()
		handler := outer.Middleware(inner.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			assert.NoError(t, outer.Track(r.Context(), altertable.Track{Event: "e"}))
			assert.NoError(t, inner.Track(r.Context(), altertable.Track{Event: "e"}))
		})))
		handler.ServeHTTP(httptest.NewRecorder(), requestWith("Cookie", header))
		require.NoError(t, outer.Flush(t.Context()))
		require.NoError(t, inner.Flush(t.Context()))
		assert.Equal(t, want, outerSrv.Events()[0].DistinctID)
		assert.Equal(t, want, innerSrv.Events()[0].DistinctID)
		assert.Equal(t, object{"$url": "https://example.com/"}, own(outerSrv.Events()[0].Properties))
		assert.Empty(t, own(innerSrv.Events()[0].Properties))
	}
}

// A handler's work may go on when the request is over.
func TestTracksOfARequestThatIsOver(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithVisitorKey("pk_1"), altertable.WithRequestProperties())
	ctx, cancel := context.WithCancel(t.Context())
	r := requestWith("Cookie", cookie("atbl.pk_1.production", `{"trackingConsent":"granted","anonymousId":"anonymous-1"}`)).WithContext(ctx)
	r.Header.Set("User-Agent", "ua")
	ofRequest := throughMiddleware(t, client, r)
	cancel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { assert.NoError(t, client.Track(ofRequest, altertable.Track{Event: "e"})) })
	}
	r.Header.Del("User-Agent")
	r.URL.Path, r.Host = "/of_the_next_request", "next.example"
	wg.Wait()
	require.NoError(t, client.Flush(t.Context()))
	require.Len(t, srv.Events(), 8)
	for _, e := range srv.Events() {
		assert.Equal(t, "anonymous-1", e.DistinctID)
		assert.Equal(t, object{"$url": "https://example.com/", "$user_agent": "ua"}, own(e.Properties))
	}
}

// At debug level the log says of each request whether its visitor was read, and
// why not; never who it is.
func TestDebugLinesOfVisitors(t *testing.T) {
	const name = "atbl.secret_key.production"
	value := func(consent, id string) string {
		return `{"trackingConsent":"` + consent + `","anonymousId":"` + id + `"}`
	}
	for why, r := range map[string]*http.Request{
		"":                                   requestWith("Cookie", cookie(name, value("granted", "anonymous-secret"))),
		"no cookie":                          requestWith("Cookie", "a=b"),
		"cookie of another key only":         requestWith("Cookie", "atbl.secret.production=secret"),
		"cookie of another environment only": requestWith("Cookie", "atbl.secret_key.secret=secret"),
		"cookie of another key and environment only": requestWith("Cookie", "atbl.secret=secret; atbl.secret.production=secret"),
		"repeated":          requestWith("Cookie", name+"=secret; "+name+"=secret"),
		"unreadable":        requestWith("Cookie", name+"=secret"),
		"cookies too large": requestWith("Cookie", strings.Repeat("secret", 20_000)),
		"consent unknown":   requestWith("Cookie", cookie(name, value("secret", "anonymous-secret"))),
		"consent pending":   requestWith("Cookie", cookie(name, value("pending", "anonymous-secret"))),
		"consent denied":    requestWith("Cookie", cookie(name, value("dismissed", "anonymous-secret"))),
		"no usable id":      requestWith("Cookie", cookie(name, value("granted", "secret"))),
	} {
		for _, from := range []string{"cookie", "header"} {
			synctest.Test(t, func(t *testing.T) {
				j := &journal{level: slog.LevelDebug}
				client, err := altertable.New("secret_key", altertable.WithLogger(slog.New(j)), altertable.WithVisitorHeader("X-Visitor"))
				require.NoError(t, err)
				if from == "header" {
					switch why {
					case "", "unreadable", "consent unknown", "consent pending", "consent denied", "no usable id":
						_, text, _ := strings.Cut(r.Header.Get("Cookie"), "=")
						r = requestWith("X-Visitor", text)
					case "repeated":
						r = requestWith("X-Visitor", "secret", "secret")
					default:
						return
					}
				}
				throughMiddleware(t, client, r)
				client.Visitor(r)
				synctest.Wait()
				lines := j.about("visitor ")
				require.Len(t, lines, 2)
				for _, line := range lines {
					want := entry{slog.LevelDebug, "altertable: visitor not read", map[string]any{"from": from, "why": why}}
					if why == "" {
						want = entry{slog.LevelDebug, "altertable: visitor read", map[string]any{"from": from}}
					}
					assert.Equal(t, want, line)
				}
				assert.NotContains(t, fmt.Sprint(j.about("")), "secret")
				require.NoError(t, client.Close())
			})
		}
	}
}

// A stranger can forge a cookie with any name: it is said once, without the name.
func TestMiddlewareWarnsOnceOfOtherCookies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(journal)
		client, err := altertable.New("key", altertable.WithLogger(slog.New(j)), altertable.WithVisitorHeader("X-Visitor"))
		require.NoError(t, err)
		_, _ = client.Visitor(requestWith("Cookie", "atbl.secret.production=1"))
		throughMiddleware(t, client, requestWith("Cookie", "a=b"))
		throughMiddleware(t, client, requestWith("Cookie", "atbl.secret.production=1; "+cookie("atbl.key.production", `{"trackingConsent":"denied"}`)))
		ofHeader := requestWith("X-Visitor", url.PathEscape(`{"trackingConsent":"granted","anonymousId":"anonymous-1"}`))
		ofHeader.Header.Set("Cookie", "atbl.secret.production=1")
		throughMiddleware(t, client, ofHeader)
		synctest.Wait()
		require.Empty(t, j.about(""), "the right one is there, or none is")
		for range 3 {
			throughMiddleware(t, client, requestWith("Cookie", "atbl.secret.production=1"))
			throughMiddleware(t, client, requestWith("Cookie", "atbl.key.secret=1"))
			pass(time.Hour)
		}
		lines := j.about("")
		require.Len(t, lines, 1)
		assert.Equal(t, slog.LevelWarn, lines[0].level)
		assert.Contains(t, lines[0].text, "WithVisitorKey")
		assert.Contains(t, lines[0].text, "WithEnvironment")
		assert.Equal(t, map[string]any{"count": int64(1), "why": "cookie of another key only"}, lines[0].attrs)
		require.NoError(t, client.Close())
		require.Len(t, j.about(""), 1)
	})
}

func TestMiddlewareAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which ends when all goroutines have
		j := &journal{level: slog.LevelDebug}
		client, err := altertable.New("key", altertable.WithLogger(slog.New(j)))
		require.NoError(t, err)
		require.NoError(t, client.Close())
		synctest.Wait()
		before := len(j.about(""))
		throughMiddleware(t, client, requestWith("Cookie", "atbl.secret.production=1"))
		ctx := throughMiddleware(t, client, requestWith("Cookie", cookie("atbl.key.production", `{"trackingConsent":"granted","anonymousId":"anonymous-1"}`)))
		v, ok := altertable.VisitorFromContext(ctx)
		assert.True(t, ok)
		assert.Equal(t, "anonymous-1", v.AnonymousID)
		synctest.Wait()
		assert.Len(t, j.about(""), before)
	})
}

// A client that tests in bubbles share reads visitors in all of them.
func TestMiddlewareInAnotherBubble(t *testing.T) {
	j := &journal{level: slog.LevelDebug}
	requests := func(t *testing.T, client *altertable.Client) {
		throughMiddleware(t, client, requestWith("Cookie", "atbl.secret.production=1"))
		ctx := throughMiddleware(t, client, requestWith("Cookie", cookie("atbl.key.production", `{"trackingConsent":"granted","anonymousId":"anonymous-1"}`)))
		_, ok := altertable.VisitorFromContext(ctx)
		assert.True(t, ok)
	}
	client := newSharedClient(t, altertable.WithLogger(slog.New(j)), altertable.WithRequestProperties())
	synctest.Test(t, func(t *testing.T) { requests(t, client) })
	assert.Empty(t, j.about("visitor"), "its goroutines are elsewhere")
	requests(t, client)
	require.NoError(t, client.Close())
	assert.Len(t, j.about("runs under another key"), 1, "what could not be said is not forgotten")
	synctest.Test(t, func(t *testing.T) { requests(t, client) })

	var inside *altertable.Client
	synctest.Test(t, func(t *testing.T) {
		inside = newSharedClient(t, altertable.WithRequestProperties())
		requests(t, inside)
		synctest.Wait()
	})
	requests(t, inside)
}

func TestMiddlewareDoesNotAllocateWithoutACookie(t *testing.T) {
	client := newBenchClient(t, discard{}, altertable.WithVisitorHeader("X-Visitor"), altertable.WithConsentRequired())
	handler := client.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "session=abc; theme=dark")
	assert.Zero(t, testing.AllocsPerRun(1000, func() { handler.ServeHTTP(w, r) }))
	r.Header.Set("Cookie", "atbl.pk_2.production=1") // after the first warning
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
