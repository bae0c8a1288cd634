// Package nethttp is a service on net/http alone.
package nethttp

import (
	"log/slog"
	"net/http"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
)

// Handler returns the service.
func Handler(client *altertable.Client, users *accounts.Accounts) http.Handler {
	s := &service{client, users}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signup", s.enter("signed_up", users.SignUp))
	mux.HandleFunc("POST /login", s.enter("logged_in", users.LogIn))
	mux.HandleFunc("POST /upgrade", s.upgrade)
	mux.HandleFunc("POST /grant", s.grant)
	handler := s.authenticate(mux)
	return client.Middleware(handler) // the visitor
}

type service struct {
	client *altertable.Client
	users  *accounts.Accounts
}

// authenticate says who acts, once for all handlers behind it.
func (s *service) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, ok := s.users.User(accounts.Session(r)); ok {
			r = r.WithContext(altertable.ContextWithUser(r.Context(), id))
		}
		next.ServeHTTP(w, r)
	})
}

// enter is sign-up and login. From here on the user is known.
func (s *service) enter(event string, begin func(email string) (id, session string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, session, err := begin(r.PostFormValue("email"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		ctx := altertable.ContextWithUser(r.Context(), id)
		note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"email": r.PostFormValue("email")}}))
		note(s.client.Track(ctx, altertable.Track{Event: event}))
		http.SetCookie(w, accounts.Cookie(session))
	}
}

// upgrade is an action of the user who is logged in.
func (s *service) upgrade(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.users.User(accounts.Session(r)); !ok {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	note(s.client.Identify(r.Context(), altertable.Identify{Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(r.Context(), altertable.Track{Event: "plan_upgraded"}))
}

// grant is what an administrator does to a customer. The messages name the
// customer, so they carry nothing of the administrator's browser.
func (s *service) grant(w http.ResponseWriter, r *http.Request) {
	if !s.users.Admin(accounts.Session(r)) {
		http.Error(w, "administrators only", http.StatusForbidden)
		return
	}
	customer := r.PostFormValue("user")
	note(s.client.Identify(r.Context(), altertable.Identify{DistinctID: customer, Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(r.Context(), altertable.Track{Event: "plan_granted", DistinctID: customer}))
}

// note logs an error of the analytics, which is no reason to fail a request.
func note(err error) {
	if err != nil {
		slog.Warn("analytics", "error", err)
	}
}
