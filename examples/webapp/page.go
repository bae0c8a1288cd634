package main

import (
	"bytes"
	"embed"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

//go:embed page.html style.css visitor.js
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{"short": short}).ParseFS(files, "page.html"))

// file serves an embedded file by its name.
func file(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, files, r.URL.Path)
}

// content is what the page shows.
type content struct {
	Title, Problem string
	Links          []link
	Email          string // of a form that was refused
	User           user
	SignedIn       bool
	VisitorCookie  string
	Offline        bool
	Console        string
	Events         []altertabletest.Event
	Customers      []user
}

func (a *app) render(w http.ResponseWriter, r *http.Request, status int, title, problem string) {
	u, signedIn := userOf(r.Context())
	v := content{
		Title: title, Problem: problem, Links: a.links(u, signedIn), Email: r.PostFormValue("email"), User: u, SignedIn: signedIn,
		VisitorCookie: a.visitorCookie, Offline: a.embedded != nil, Console: a.console,
	}
	switch title {
	case "Analytics":
		a.note(a.analytics.Flush(r.Context()))
		v.Events = a.embedded.Events()
	case "Customers":
		v.Customers = a.users.customers()
	}
	if _, ok := tokenOf(r); ok && !signedIn {
		a.setToken(w, "", -1) // of a session that is over; this page's script forgets the visitor's ids
	}
	var html bytes.Buffer
	if err := page.Execute(&html, v); err != nil {
		log.Print(err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(html.Bytes())
}

type link struct{ Path, Title string }

// links are the pages for whoever is signed in, or nobody.
func (a *app) links(u user, signedIn bool) []link {
	all := []link{{"/", "Home"}, {"/pricing", "Pricing"}}
	if a.embedded != nil {
		all = append(all, link{"/analytics", "Analytics"})
	}
	if u.Admin {
		all = append(all, link{"/customers", "Customers"})
	}
	if !signedIn {
		all = append(all, link{"/signup", "Sign up"}, link{"/login", "Log in"})
	}
	return all
}

// short leaves out the middle of an id: its beginning says what it is, and its
// end tells it from others.
func short(id string) string {
	head := strings.IndexAny(id, "-_") + 1 + 4
	if tail := len(id) - 5; head+3 < tail {
		return id[:head] + "..." + id[tail:]
	}
	return id
}

// consoleURL returns where events can be looked at that go to baseURL. Plain http
// is spoken on a laptop, by the command in the directory local, which shows them
// at the same address.
func consoleURL(baseURL string) string {
	if u, err := url.Parse(baseURL); err == nil && u.Scheme == "http" {
		return "http://" + u.Host + "/"
	}
	return "https://altertable.ai/dashboard"
}
