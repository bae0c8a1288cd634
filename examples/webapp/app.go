package main

import (
	"errors"
	"log"
	"net/http"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// An app serves the pages. Its fields do not change once it serves.
type app struct {
	analytics     *altertable.Client
	embedded      *altertabletest.Server // nil where events go elsewhere
	console       string                 // where to look at them then
	visitorCookie string                 // name of the browser SDK's
	secure        bool
	users         *users
	sessions      *sessions
}

func newApp(client *altertable.Client, environment string) *app {
	return &app{
		analytics:     client,
		visitorCookie: "atbl." + browserKey + "." + environment,
		users:         newUsers(newPasswords()),
		sessions:      newSessions(),
	}
}

func (a *app) handler() http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", a.view("Home"))
	pages.HandleFunc("GET /pricing", a.view("Pricing"))
	pages.HandleFunc("GET /signup", a.view("Sign up"))
	pages.HandleFunc("GET /login", a.view("Log in"))
	pages.HandleFunc("POST /signup", a.signUp)
	pages.HandleFunc("POST /login", a.logIn)
	pages.HandleFunc("POST /upgrade", a.upgrade)
	pages.HandleFunc("POST /logout", a.logOut)
	pages.HandleFunc("GET /customers", a.admin(a.view("Customers")))
	pages.HandleFunc("POST /customers/{id}/upgrade", a.admin(a.upgradeCustomer))
	if a.embedded != nil {
		pages.HandleFunc("GET /analytics", a.view("Analytics"))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", file)
	mux.HandleFunc("GET /visitor.js", file)
	mux.Handle("/", a.analytics.Middleware(a.authenticate(pages)))
	return protect(mux)
}

// view serves a page, and tells that somebody saw it.
func (a *app) view(title string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, signedIn := altertable.UserFromContext(r.Context())
		visitor, _ := altertable.VisitorFromContext(r.Context())
		if signedIn || visitor.AnonymousID != "" { // at the first visit the page has yet to set the cookie
			a.note(a.analytics.Track(r.Context(), altertable.Track{Event: "page_viewed", Properties: altertable.Properties{"page": title}}))
		}
		a.render(w, r, http.StatusOK, title, "")
	}
}

func (a *app) signUp(w http.ResponseWriter, r *http.Request) {
	u, err := a.users.create(r.Context(), r.PostFormValue("email"), r.PostFormValue("password"))
	if err != nil {
		a.refuse(w, r, "Sign up", err)
		return
	}
	ctx := a.signIn(w, r, u)
	a.note(a.analytics.Identify(ctx, altertable.Identify{Traits: u.traits()})) // now the visitor's events are the user's
	a.note(a.analytics.Track(ctx, altertable.Track{Event: "signed_up"}))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) logIn(w http.ResponseWriter, r *http.Request) {
	u, err := a.users.authenticate(r.Context(), r.PostFormValue("email"), r.PostFormValue("password"))
	if err != nil {
		a.refuse(w, r, "Log in", err)
		return
	}
	ctx := a.signIn(w, r, u)
	a.note(a.analytics.Identify(ctx, altertable.Identify{Traits: u.traits()}))
	a.note(a.analytics.Track(ctx, altertable.Track{Event: "logged_in"}))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) upgrade(w http.ResponseWriter, r *http.Request) {
	u, ok := userOf(r.Context())
	if !ok {
		a.render(w, r, http.StatusForbidden, "Log in", "Log in to upgrade.")
		return
	}
	if u, changed := a.users.upgrade(u.ID); changed {
		a.note(a.analytics.Identify(r.Context(), altertable.Identify{Traits: u.traits()})) // a trait has changed
		a.note(a.analytics.Track(r.Context(), altertable.Track{Event: "plan_upgraded", Properties: altertable.Properties{"plan": u.Plan, "upgraded_by": "customer"}}))
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) logOut(w http.ResponseWriter, r *http.Request) {
	if _, ok := userOf(r.Context()); ok {
		a.note(a.analytics.Track(r.Context(), altertable.Track{Event: "logged_out"}))
	}
	r = r.WithContext(a.signOut(r))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// note logs an error of the analytics. It is no reason to fail a request.
func (a *app) note(err error) {
	if err != nil {
		log.Print(err)
	}
}

// A refusal is an error that the user may read.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

// refuse shows the form of a page again, and what is wrong.
func (a *app) refuse(w http.ResponseWriter, r *http.Request, title string, err error) {
	var because refusal
	if !errors.As(err, &because) {
		log.Print(err)
		because = refusal{http.StatusInternalServerError, "Something went wrong."}
	}
	if because.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	a.render(w, r, because.status, title, because.text)
}
