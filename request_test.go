package altertable_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// propertiesOf returns what an event in a request's context carries of it.
func propertiesOf(t *testing.T, r *http.Request) object {
	t.Helper()
	client, srv, _ := newClient(t, altertable.WithRequestProperties())
	ctx := throughMiddleware(t, client, r)
	require.NoError(t, client.Track(ctx, event("e")))
	require.NoError(t, client.Flush(t.Context()))
	return own(srv.Events()[0].Properties)
}

func TestRequestProperties(t *testing.T) {
	r := httptest.NewRequest("GET", "/pricing/a%2Fb?utm_source=news&token=secret&utm_medium=e%20mail&utm_campaign=fall&utm_term=t&utm_content=c&utm_id=7&utm_source=second", nil)
	r.Header.Set("Referer", "https://user:secret@search.example:8443/find?q=secret&utm_source=ad#secret")
	r.Header.Set("User-Agent", "Mozilla/5.0")
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-Url"} {
		r.Header.Set(name, "192.0.2.1") // anybody can write them
	}
	assert.Equal(t, object{
		"$url":        "https://example.com/pricing/a%2Fb?utm_source=news&utm_medium=e+mail&utm_campaign=fall&utm_term=t&utm_content=c&utm_id=7",
		"$referer":    "https://search.example:8443/find?utm_source=ad",
		"$user_agent": "Mozilla/5.0",
		"$utm_source": "news", "$utm_medium": "e mail", "$utm_campaign": "fall", "$utm_term": "t", "$utm_content": "c",
	}, propertiesOf(t, r))
	assert.Equal(t, object{"$url": "https://example.com/"}, propertiesOf(t, httptest.NewRequest("GET", "/?utm_source=", nil)), "what is empty is left out")
}

func TestURLsOfRequests(t *testing.T) {
	for name, test := range map[string]struct {
		host, path, query string
		want              any
	}{
		"a port":               {"example.com:8443", "/a", "", "https://example.com:8443/a"},
		"localhost":            {"localhost:8080", "/a", "", "http://localhost:8080/a"},
		"LOCALHOST":            {"LOCALHOST.", "/a", "", "http://LOCALHOST./a"},
		"a name below":         {"app.localhost", "/a", "", "http://app.localhost/a"},
		"IPv4 loopback":        {"127.0.0.2", "/a", "", "http://127.0.0.2/a"},
		"IPv6 loopback":        {"[::1]:80", "/a", "", "http://[::1]:80/a"},
		"IPv6":                 {"[2001:db8::1]", "/a", "", "https://[2001:db8::1]/a"},
		"private":              {"10.0.0.1", "/a", "", "https://10.0.0.1/a"},
		"like localhost":       {"localhost.example", "/a", "", "https://localhost.example/a"},
		"underscore":           {"my_app.internal", "/a", "", "https://my_app.internal/a"},
		"no path":              {"example.com", "", "", "https://example.com"},
		"OPTIONS":              {"example.com", "*", "", "https://example.com/*"},
		"another root":         {"example.com", "//evil.example/a", "", "https://example.com//evil.example/a"},
		"invalid UTF-8":        {"example.com", "/\xff?", "", "https://example.com/%FF%3F"},
		"a semicolon":          {"example.com", "/", "utm_source=a;token=secret", "https://example.com/"},
		"a broken escape":      {"example.com", "/", "utm_source=%z&utm_medium=m", "https://example.com/?utm_medium=m"},
		"the first counts":     {"example.com", "/", "utm_source=&utm_source=a&utm_source=b", "https://example.com/?utm_source=a"},
		"another case":         {"example.com", "/", "UTM_SOURCE=a&utm_Source=b&xutm_source=c", "https://example.com/"},
		"other utm_ members":   {"example.com", "/", "utm_id=7&secret=1&utm_source_platform=a&utm_id=8&utm_%5Fx=9&utm_<=1", "https://example.com/?utm_id=7&utm_source_platform=a"},
		"their own order":      {"example.com", "/", "utm_term=a&utm_source=b", "https://example.com/?utm_term=a&utm_source=b"},
		"an endless query":     {"example.com", "/", strings.Repeat("a=b&", 1<<18) + "utm_source=c", "https://example.com/"},
		"an escaped separator": {"example.com", "/", "utm_source=a%26token%3Db%23", "https://example.com/?utm_source=a%26token%3Db%23"},
		"no host":              {"", "/a", "", nil},
		"a port alone":         {":8080", "/a", "", nil},
		"a user":               {"user:secret@example.com", "/a", "", nil},
		"a path":               {"example.com/secret", "/a", "", nil},
		"a query":              {"example.com?secret", "/a", "", nil},
		"white space":          {"example com", "/a", "", nil},
		"not ASCII":            {"ex\u00e4mple.com", "/a", "", nil},
		"not UTF-8":            {"example\xff.com", "/a", "", nil},
		"no port":              {"example.com:http", "/a", "", nil},
		"half an address":      {"[::1", "/a", "", nil},
		"a zone":               {"[fe80::1%eth0]", "/a", "", nil},
		"huge":                 {strings.Repeat("a", 1<<20), "/a", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{Host: test.host, URL: &url.URL{Path: test.path, RawQuery: test.query}}
			assert.Equal(t, test.want, propertiesOf(t, r)["$url"])
		})
	}
}

func TestReferers(t *testing.T) {
	for referer, want := range map[string]any{
		"https://a.example/b?c=d#e":     "https://a.example/b",
		"HTTP://localhost/b":            "http://localhost/b",
		"https://user:secret@a.example": "https://a.example",
		"http://a.example/":             "https://a.example/",
		"android-app://com.example":     nil,
		"about:client":                  nil,
		"/relative":                     nil,
		"//a.example/":                  nil,
		"javascript:alert(1)":           nil,
		"https:a.example":               nil,
		"https://":                      nil,
		"https://:443/":                 nil,
		"https://a b/":                  nil,
		"%zz":                           nil,
		"\xff":                          nil,
		"":                              nil,
	} {
		assert.Equal(t, want, propertiesOf(t, requestWith("Referer", referer))["$referer"], "%q", referer)
	}
}

func TestRequestPropertiesAreCut(t *testing.T) {
	long := strings.Repeat("\u00fc", 2000)
	r := &http.Request{Host: "example.com", Header: http.Header{"User-Agent": {"x" + long}, "Referer": {"https://a.example/" + long}},
		URL: &url.URL{Path: "/" + long, RawQuery: "utm_source=x" + url.QueryEscape(long) + "&utm_medium=" + strings.Repeat("%ff", 2000)}}
	p := propertiesOf(t, r)
	cut := "x" + strings.Repeat("\u00fc", 511)
	assert.Equal(t, cut, p["$user_agent"])
	assert.Equal(t, cut, p["$utm_source"])
	assert.Equal(t, "\ufffd", p["$utm_medium"])
	for _, name := range []string{"$url", "$referer"} {
		text := p[name].(string)
		assert.Greater(t, len(text), 1024-len("%C3"))
		assertRequestProperty(t, name, text)
	}
}

// A handler may change its request, and events may follow it.
func TestRequestPropertiesAreOfTheRequestThatCame(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithRequestProperties())
	r := httptest.NewRequest("GET", "/app/page?utm_source=a", nil)
	r.Header.Set("User-Agent", "ua")
	ctx := throughMiddleware(t, client, r)
	r.URL.Path, r.URL.RawQuery, r.Host = "/changed", "", "changed.example"
	r.Header.Set("User-Agent", "changed")
	for range 2 {
		require.NoError(t, client.Track(context.WithoutCancel(ctx), event("e")))
		r.URL.Path = "/changed_again"
	}
	require.NoError(t, client.Flush(t.Context()))
	for _, e := range srv.Events() {
		assert.Equal(t, object{"$url": "https://example.com/app/page?utm_source=a", "$user_agent": "ua", "$utm_source": "a"}, own(e.Properties))
	}
}

// An odd request is one that a program made itself.
func TestRequestPropertiesOfOddRequests(t *testing.T) {
	assert.Empty(t, propertiesOf(t, &http.Request{}))
	assert.Equal(t, object{"$url": "https://example.com/a"}, propertiesOf(t, &http.Request{URL: &url.URL{Host: "example.com", Path: "/a"}}))
	assert.Equal(t, "first", propertiesOf(t, requestWith("User-Agent", "first", "second"))["$user_agent"])
}

// Who did not ask for them does not get them, and none of them is of an Identify.
func TestRequestPropertiesAreOffByDefault(t *testing.T) {
	asking, _, _ := newClient(t, altertable.WithRequestProperties())
	client, srv, _ := newClient(t)
	r := requestWith("User-Agent", "ua")
	require.NoError(t, client.Track(throughMiddleware(t, client, r), event("e")))
	require.NoError(t, client.Track(throughMiddleware(t, asking, r), event("e")), "of another client")
	require.NoError(t, client.Flush(t.Context()))
	for _, e := range srv.Events() {
		assert.Empty(t, own(e.Properties))
	}
	m := wire(t, func(c *altertable.Client) error {
		return c.Identify(throughMiddleware(t, c, r), altertable.Identify{DistinctID: "u_1"})
	}, altertable.WithRequestProperties())
	assert.NotContains(t, m, "traits")
}

// assertRequestProperty checks what is true of all of them, whatever the request.
func assertRequestProperty(t *testing.T, name, text string) {
	t.Helper()
	assert.NotEmpty(t, text)
	assert.True(t, utf8.ValidString(text), name)
	assert.LessOrEqual(t, len(text), 1024, name)
	if name != "$url" && name != "$referer" {
		return
	}
	u, err := url.Parse(text)
	require.NoError(t, err, "%q", text)
	assert.Nil(t, u.User)
	assert.Empty(t, u.Fragment)
	assert.NotEmpty(t, u.Host)
	assert.Contains(t, []string{"http", "https"}, u.Scheme)
	for member := range u.Query() {
		assert.Regexp(t, "^utm_[a-z0-9_]*$", member)
	}
}

func FuzzRequestProperties(f *testing.F) {
	names := []string{"$url", "$referer", "$user_agent", "$utm_source", "$utm_medium", "$utm_campaign", "$utm_term", "$utm_content"}
	var seen altertable.Properties
	client, err := altertable.New("key", altertable.WithRequestProperties(), altertable.WithDisabled(true), altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
		seen = m.(altertable.Track).Properties
		return m
	}))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, host, path, rawPath, query, referer, userAgent string) {
		r := &http.Request{Host: host, URL: &url.URL{Path: path, RawPath: rawPath, RawQuery: query}, Header: http.Header{"Referer": {referer}, "User-Agent": {userAgent}}}
		require.NoError(t, client.Track(throughMiddleware(t, client, r), event("e")))
		for name, value := range seen {
			assert.Contains(t, names, name)
			assertRequestProperty(t, name, value.(string))
		}
	})
}
