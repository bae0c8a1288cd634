package altertable_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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

// visitorOf returns what a client with the key pk_1 makes of a request's headers.
func visitorOf(t testing.TB, headers ...string) (altertable.Visitor, bool) {
	t.Helper()
	client, err := altertable.New("server_key", altertable.WithVisitorKey("pk_1"))
	require.NoError(t, err)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Cookie"] = headers
	return client.Visitor(r)
}

func TestVisitorOfTheDocumentedCookie(t *testing.T) {
	client, err := altertable.New("pk_live_abc123")
	require.NoError(t, err)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "a=b; atbl.pk_live_abc123.production=%7B%22anonymousId%22%3Anull%2C%22deviceId%22%3A%22device-0f8fad5b-d9cb-469f-a165-70867728950e%22%2C%22distinctId%22%3A%22anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7%22%2C%22lastEventAt%22%3Anull%2C%22sessionId%22%3A%22session-a1b2c3d4-e5f6-4890-abcd-ef1234567890%22%2C%22trackingConsent%22%3A%22granted%22%7D; c=d")
	v, ok := client.Visitor(r)
	assert.True(t, ok)
	assert.Equal(t, altertable.Visitor{AnonymousID: anonymousID, DeviceID: deviceID}, v)
}

func TestVisitorOfOtherCookies(t *testing.T) {
	const name = "atbl.pk_1.production"
	granted := func(members string) string {
		return cookie(name, `{"trackingConsent":"granted",`+members+`}`)
	}
	good := granted(`"anonymousId":"` + anonymousID + `"`)
	for title, test := range map[string]struct {
		headers []string
		want    altertable.Visitor
	}{
		"after login":             {[]string{granted(`"anonymousId":"anonymous-1","distinctId":"u_1","deviceId":"device-1"`)}, altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1"}},
		"before login":            {[]string{granted(`"anonymousId":null,"distinctId":"anonymous-1"`)}, altertable.Visitor{AnonymousID: "anonymous-1"}},
		"before login, empty":     {[]string{granted(`"anonymousId":"","distinctId":"anonymous-1"`)}, altertable.Visitor{AnonymousID: "anonymous-1"}},
		"in quotes":               {[]string{`a=b; ` + strings.Replace(good, "=", `="`, 1) + `"; c=d`}, altertable.Visitor{AnonymousID: anonymousID}},
		"one quote":               {[]string{name + `="`}, altertable.Visitor{}},
		"older prefix":            {[]string{granted(`"anonymousId":"visitor-1"`)}, altertable.Visitor{AnonymousID: "visitor-1"}},
		"device only":             {[]string{granted(`"deviceId":"device-1"`)}, altertable.Visitor{DeviceID: "device-1"}},
		"the user's id":           {[]string{granted(`"anonymousId":null,"distinctId":"u_1"`)}, altertable.Visitor{}},
		"another line":            {[]string{"a=b", good}, altertable.Visitor{AnonymousID: anonymousID}},
		"no cookie":               {nil, altertable.Visitor{}},
		"consent pending":         {[]string{cookie(name, `{"trackingConsent":"pending","anonymousId":"anonymous-1"}`)}, altertable.Visitor{}},
		"consent denied":          {[]string{cookie(name, `{"trackingConsent":"denied","anonymousId":"anonymous-1"}`)}, altertable.Visitor{}},
		"consent of another case": {[]string{cookie(name, `{"TrackingConsent":"granted","anonymousId":"anonymous-1"}`)}, altertable.Visitor{}},
		"no consent":              {[]string{cookie(name, `{"anonymousId":"anonymous-1"}`)}, altertable.Visitor{}},
		"repeated":                {[]string{good + "; " + good}, altertable.Visitor{}},
		"repeated in two lines":   {[]string{good, good}, altertable.Visitor{}},
		"another key":             {[]string{strings.Replace(good, "pk_1", "pk_2", 1)}, altertable.Visitor{}},
		"another environment":     {[]string{strings.Replace(good, "production", "staging", 1)}, altertable.Visitor{}},
		"a longer name":           {[]string{"x" + good}, altertable.Visitor{}},
		"truncated":               {[]string{good[:len(good)-5]}, altertable.Visitor{}},
		"broken escape":           {[]string{good + "%z"}, altertable.Visitor{}},
		"empty":                   {[]string{name + "="}, altertable.Visitor{}},
		"an array":                {[]string{cookie(name, `[1]`)}, altertable.Visitor{}},
		"numbers":                 {[]string{granted(`"anonymousId":1,"deviceId":{}`)}, altertable.Visitor{}},
		"prefix alone":            {[]string{granted(`"anonymousId":"anonymous-","deviceId":"device-"`)}, altertable.Visitor{}},
		"foreign ids":             {[]string{granted(`"anonymousId":"u_1","deviceId":"anonymous-1"`)}, altertable.Visitor{}},
		"forged, no way back":     {[]string{granted(`"anonymousId":"u_1","distinctId":"anonymous-1"`)}, altertable.Visitor{}},
		"control characters":      {[]string{granted(`"anonymousId":"anonymous-\n"`)}, altertable.Visitor{}},
		"long id":                 {[]string{granted(`"anonymousId":"anonymous-` + strings.Repeat("x", 300) + `"`)}, altertable.Visitor{}},
		"oversized":               {[]string{granted(`"anonymousId":"anonymous-1","x":"` + strings.Repeat("x", 5000) + `"`)}, altertable.Visitor{}},
		"huge header":             {[]string{strings.Repeat("a=b; ", 20_000), good}, altertable.Visitor{}},
	} {
		t.Run(title, func(t *testing.T) {
			v, ok := visitorOf(t, test.headers...)
			assert.Equal(t, test.want, v)
			assert.Equal(t, test.want != altertable.Visitor{}, ok)
		})
	}
}

// net/http drops cookies of such names.
func TestVisitorOfAnEnvironmentWithOddCharacters(t *testing.T) {
	for _, environment := range []string{"eu west", "team@eu", "pr\u00fcf"} {
		client, err := altertable.New("pk", altertable.WithEnvironment(environment))
		require.NoError(t, err)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", cookie("atbl.pk."+environment, `{"trackingConsent":"granted","anonymousId":"anonymous-1"}`))
		_, ok := client.Visitor(r)
		assert.True(t, ok, environment)
	}
}

func TestMiddleware(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithVisitorKey("pk_1"))
	var seen http.ResponseWriter
	handler := client.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = w
		if err := client.Track(r.Context(), event("e")); err != nil {
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

func FuzzVisitor(f *testing.F) {
	f.Add(cookie("atbl.pk_1.production", `{"trackingConsent":"granted","anonymousId":"anonymous-1"}`))
	f.Add("atbl.pk_1.production=%7B%22; atbl.pk_1.production")
	f.Fuzz(func(t *testing.T, header string) {
		v, ok := visitorOf(t, header)
		assert.Equal(t, v != altertable.Visitor{}, ok)
		if v.AnonymousID != "" {
			assert.Regexp(t, `^(anonymous|visitor)-[!-~]{1,250}$`, v.AnonymousID)
		}
		if v.DeviceID != "" {
			assert.Regexp(t, `^device-[!-~]{1,250}$`, v.DeviceID)
		}
	})
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
