package main

import (
	"context"
	_ "embed"
	"html/template"
	"log"
	"net/http"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// An app serves the pages. Its fields do not change once it serves.
type app struct {
	analytics *altertable.Client
	embedded  *altertabletest.Server // nil when a real API is used
	cookie    string                 // name of the browser SDK's
	secure    bool
	users     *users
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.view("Home"))
	mux.HandleFunc("GET /pricing", a.view("Pricing"))
	mux.HandleFunc("GET /signup", a.view("Sign up"))
	mux.HandleFunc("GET /login", a.view("Log in"))
	mux.HandleFunc("POST /signup", a.signUp)
	mux.HandleFunc("POST /login", a.logIn)
	mux.HandleFunc("POST /upgrade", a.upgrade)
	mux.HandleFunc("POST /logout", a.logOut)
	if a.embedded != nil {
		mux.HandleFunc("GET /analytics", a.view("Analytics"))
	}
	protection := http.NewCrossOriginProtection() // no other site posts these forms
	return protection.Handler(a.analytics.Middleware(mux))
}

// view serves a page, and tells that somebody saw it.
func (a *app) view(title string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, signedIn := a.user(r)
		if signedIn {
			a.identify(r.Context(), u) // on load, when already signed in
			a.track(r.Context(), u.ID, "Page Viewed", altertable.Properties{"page": title})
		} else if v, ok := altertable.VisitorFromContext(r.Context()); ok && v.AnonymousID != "" && r.URL.RawQuery != "reset" {
			// At the reset the cookie is still that of the user who logged out.
			a.track(r.Context(), v.AnonymousID, "Page Viewed", altertable.Properties{"page": title})
		}
		a.render(w, r, http.StatusOK, title, "")
	}
}

func (a *app) signUp(w http.ResponseWriter, r *http.Request) {
	u, err := a.users.create(r.FormValue("email"), r.FormValue("password"))
	if err != nil {
		a.render(w, r, http.StatusBadRequest, "Sign up", err.Error())
		return
	}
	a.startSession(w, u)
	a.identify(r.Context(), u) // now the visitor's events are the user's
	a.track(r.Context(), u.ID, "Signed Up", nil)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) logIn(w http.ResponseWriter, r *http.Request) {
	u, ok := a.users.authenticate(r.FormValue("email"), r.FormValue("password"))
	if !ok {
		a.render(w, r, http.StatusUnauthorized, "Log in", "This e-mail address and password do not match.")
		return
	}
	a.startSession(w, u)
	a.identify(r.Context(), u)
	a.track(r.Context(), u.ID, "Logged In", nil)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) upgrade(w http.ResponseWriter, r *http.Request) {
	u, ok := a.user(r)
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	u = a.users.setPlan(u.ID, "pro")
	a.identify(r.Context(), u) // a trait has changed
	a.track(r.Context(), u.ID, "Plan Upgraded", altertable.Properties{"plan": u.Plan})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) logOut(w http.ResponseWriter, r *http.Request) {
	if u, ok := a.user(r); ok {
		a.track(r.Context(), u.ID, "Logged Out", nil)
	}
	a.endSession(w, r)
	http.Redirect(w, r, "/?reset", http.StatusSeeOther) // the browser forgets who it was
}

func (a *app) identify(ctx context.Context, u user) {
	a.note(a.analytics.Identify(ctx, altertable.Identify{DistinctID: u.ID, Traits: altertable.Traits{"plan": u.Plan}}))
}

func (a *app) track(ctx context.Context, id, event string, properties altertable.Properties) {
	a.note(a.analytics.Track(ctx, altertable.Track{Event: event, DistinctID: id, Properties: properties}))
}

// note logs an error of the analytics. It is no reason to fail a request.
func (a *app) note(err error) {
	if err != nil {
		log.Print(err)
	}
}

func (a *app) render(w http.ResponseWriter, r *http.Request, status int, title, problem string) {
	u, signedIn := a.user(r)
	data := struct {
		Title, Problem, Cookie string
		User                   user
		SignedIn, Offline      bool
		Events                 []altertabletest.Event
	}{Title: title, Problem: problem, Cookie: a.cookie, User: u, SignedIn: signedIn, Offline: a.embedded != nil}
	if title == "Analytics" {
		a.note(a.analytics.Flush(r.Context()))
		data.Events = a.embedded.Events()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := page.Execute(w, data); err != nil {
		log.Print(err)
	}
}
