package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestShort(t *testing.T) {
	for id, want := range map[string]string{
		"anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7": "anonymous-7c9e...90ae7",
		"u_0f8fad5b-d9cb-469f-a165-70867728950e":         "u_0f8f...8950e",
		"without0prefix0but0long":                        "with...0long",
		"u_42":                                           "u_42",
		"anonymous-1":                                    "anonymous-1",
		"":                                               "",
	} {
		assert.Equal(t, want, short(id))
	}
}

func TestTheCurrentPageIsMarked(t *testing.T) {
	a, _ := newTestApp(t)
	b := newBrowser(a, "1")
	for path, title := range map[string]string{"/": "Home", "/pricing": "Pricing", "/analytics": "Analytics", "/signup": "Sign up", "/login": "Log in"} {
		assert.Contains(t, b.get(path).Body.String(), `<a href="`+path+`" aria-current="page">`+title+`</a>`)
	}
}

func TestHomeSaysWhereToLook(t *testing.T) {
	for name, c := range map[string]struct{ baseURL, want string }{
		"the real API": {"", "https://altertable.ai/dashboard"},
		"a proxy":      {"https://events.example.com/altertable", "https://altertable.ai/dashboard"},
		"local":        {"http://127.0.0.1:15001", "http://127.0.0.1:15001/"},
		"with a path":  {"http://user:secret@localhost:15001/api?x=y", "http://localhost:15001/"},
		"garbage":      {"http://%zz", "https://altertable.ai/dashboard"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := newTestApp(t)
			a.embedded, a.console = nil, consoleURL(c.baseURL)
			b := newBrowser(a, "1")
			html := b.get("/").Body.String()
			assert.Contains(t, html, `<a href="`+c.want+`">`)
			assert.NotContains(t, html, "/analytics")
			b.signUp(t, "ada@example.com")
			assert.Contains(t, b.get("/").Body.String(), `<a href="`+c.want+`">`, "signed in")
			assert.Equal(t, http.StatusNotFound, b.get("/analytics").Code)
		})
	}
}
