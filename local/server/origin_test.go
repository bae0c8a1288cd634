package server

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOriginsThatBrowsersWrite(t *testing.T) {
	for _, origin := range []string{
		"http://localhost:5173", "https://app.test", "http://127.0.0.1:8080", "http://localhost", "https://localhost:80",
		"http://[::1]:5173", "http://[2001:db8::1]", "http://[::ffff:7f00:1]", "http://my_app.localhost:3000",
		"https://xn--bcher-kva.example", "http://localhost.:5173", "http://a-b.c0:1", "http://localhost:65535", "http://0xg.test",
	} {
		assert.NoError(t, checkOrigin(origin), origin)
	}
}

func TestOriginsThatNoBrowserWrites(t *testing.T) {
	tests := []struct{ origin, problem, instead string }{
		{"", "must not be empty", "http://localhost:5173"},
		{"*", "every page of the web", "http://localhost:5173"},
		{"null", "sandboxed", ""},
		{"localhost:5173", "begins with http:// or https://", "http://localhost:5173"},
		{"localhost:5173/", "begins with", "http://localhost:5173"},
		{"//localhost:5173", "begins with", ""},
		{"http:localhost", "begins with", ""},
		{"file:///home/ada/index.html", "only pages of http", ""},
		{"chrome-extension://abc", "only pages of http", ""},
		{"http://localhost:5173/", "without a slash", "http://localhost:5173"},
		{"http://localhost:5173/app?x=1#y", "without a slash", "http://localhost:5173"},
		{`http://localhost:5173\x`, "without a slash", "http://localhost:5173"},
		{"http://ada:secret@localhost:5173", "no user", "http://localhost:5173"},
		{"http://localhost:5173 http://b", "without a slash", ""},
		{"HTTP://localhost:5173", "lower case", "http://localhost:5173"},
		{"http://LocalHost:5173/", "without a slash", "http://localhost:5173"},
		{"http://LocalHost:5173", "lower case", "http://localhost:5173"},
		{"http://localhost:80", "leave out the port", "http://localhost"},
		{"https://app.test:443", "leave out the port", "https://app.test"},
		{"http://localhost:080", "leave out the port", "http://localhost"},
		{"http://localhost:05173", "in another way", "http://localhost:5173"},
		{"http://localhost:", "followed by a port", "http://localhost"},
		{"http://localhost:65536", "65535", ""},
		{"http://localhost:port", "a number", ""},
		{"http://localhost:+1", "a number", ""},
		{"http://", "host is missing", ""},
		{"http://:5173", "host is missing", ""},
		{"http://" + strings.Repeat("a", 300), "too long", ""},
		{"http://[0:0:0:0:0:0:0:1]:5173", "in another way", "http://[::1]:5173"},
		{"http://[::ffff:127.0.0.1]:5173", "in another way", "http://[::ffff:7f00:1]:5173"},
		{"http://[fe80::1%25eth0]", "without a zone", ""},
		{"http://[127.0.0.1]", "brackets", ""},
		{"http://[::1", "missing", ""},
		{"http://[::1]5173", "in another way", "http://[::1]:5173"},
		{"http://[[::1]]", "in brackets", ""},
		{"http://::1:5173", "missing", ""},
		{"http://127.1:5173", "four numbers", ""},
		{"http://0x7f.0x1", "four numbers", ""},
		{"http://127.0.0.1.", "four numbers", ""},
		{"http://bücher.example", "location.origin", ""},
		{"http://local host", "' '", ""},
		{"http://localhost\n", `'\n'`, ""},
		{"http://*.app.test", "'*'", ""},
		{"http://a..b", "two dots", ""},
		{"http://%6cocalhost", "'%'", ""},
		{"http://local,host", "','", ""},
	}
	for _, tt := range tests {
		err := checkOrigin(tt.origin)
		if assert.Error(t, err, tt.origin) {
			assert.Contains(t, err.Error(), tt.problem, tt.origin)
			assert.NotContains(t, err.Error(), "secret")
			if tt.instead != "" {
				assert.Regexp(t, regexp.QuoteMeta(tt.instead)+"$", err.Error(), tt.origin)
			}
		}
	}
}

func FuzzOrigin(f *testing.F) {
	written := regexp.MustCompile(`write (https?://\S+)$`)
	f.Fuzz(func(t *testing.T, text string) {
		err := checkOrigin(text)
		g := guard{url: "http://127.0.0.1:15001"}
		for _, path := range []string{"/track", "/query"} {
			said := g.refusal(text, path)
			assert.Less(t, len(said), 1000)
			assert.Equal(t, -1, strings.IndexFunc(said, func(r rune) bool { return r < ' ' || r > '~' }), "%q", said)
			assert.Equal(t, err == nil, strings.Contains(said, "-origin "+text+" lets"))
		}
		if err != nil {
			if found := written.FindStringSubmatch(err.Error()); found != nil && !strings.Contains(err.Error(), "such as") {
				assert.NoError(t, checkOrigin(found[1]), "%q: %v", text, err)
			}
			return
		}
		u, err := url.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, text, u.Scheme+"://"+u.Host)
		assert.Equal(t, strings.ToLower(text), text)
		assert.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"'<>&;$`, r) }), text)
	})
}
