package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go"
)

const (
	sessionCookie = "session"
	maxIdle       = 30 * time.Minute // between two requests
	maxAge        = 12 * time.Hour   // however busy
)

// sessions say whose a token is. They end here, not in the browser, which may
// keep a cookie for as long as it likes.
type sessions struct {
	mu      sync.Mutex
	byToken map[string]*session
}

type session struct {
	userID      string
	begun, used time.Time
}

func newSessions() *sessions { return &sessions{byToken: map[string]*session{}} }

func (s *session) expired(now time.Time) bool {
	return now.Sub(s.used) >= maxIdle || now.Sub(s.begun) >= maxAge
}

// begin returns the token of a new session. It also forgets those that expired,
// so that memory holds no more than were begun within maxAge.
func (s *sessions) begin(userID string) string {
	now, token := time.Now(), rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, session := range s.byToken {
		if session.expired(now) {
			delete(s.byToken, token)
		}
	}
	s.byToken[token] = &session{userID: userID, begun: now, used: now}
	return token
}

// use returns whose session it is, if it is one.
func (s *sessions) use(token string) (userID string, ok bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.byToken[token]
	if session == nil {
		return "", false
	}
	if session.expired(now) {
		delete(s.byToken, token)
		return "", false
	}
	session.used = now
	return session.userID, true
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byToken, token)
}

type userKey struct{}

// userOf returns who is signed in, as of the request's begin.
func userOf(ctx context.Context) (user, bool) {
	u, ok := ctx.Value(userKey{}).(user)
	return u, ok
}

// authenticate says who acts: to the handlers, and to the analytics. The client's
// middleware runs before it.
func (a *app) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := tokenOf(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		ctx := r.Context()
		id, _ := a.sessions.use(token)
		if u, ok := a.users.find(id); ok {
			ctx = context.WithValue(ctx, userKey{}, u)
			ctx = altertable.ContextWithUser(ctx, u.ID)
		} else {
			// The session is over, by logout or in time. The visitor's ids are still
			// linked to its user, and whoever acts now may be another: see render.
			ctx = altertable.ContextWithVisitor(ctx, altertable.Visitor{})
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// signIn begins a session of u in place of the browser's old one, and returns a
// context in which u acts.
func (a *app) signIn(w http.ResponseWriter, r *http.Request, u user) context.Context {
	ctx := r.Context()
	if before, ok := userOf(ctx); ok && before.ID != u.ID {
		// The visitor's ids are linked to that user. Linked to u as well, they
		// could make one person of the two.
		ctx = altertable.ContextWithVisitor(ctx, altertable.Visitor{})
	}
	if token, ok := tokenOf(r); ok {
		a.sessions.end(token)
	}
	a.setToken(w, a.sessions.begin(u.ID), 0)
	return altertable.ContextWithUser(ctx, u.ID)
}

// signOut ends the session, and returns a context in which nobody acts. The
// browser keeps the token until a page has told it to forget its ids: see render.
func (a *app) signOut(r *http.Request) context.Context {
	if token, ok := tokenOf(r); ok {
		a.sessions.end(token)
	}
	ctx := altertable.ContextWithVisitor(r.Context(), altertable.Visitor{})
	return altertable.ContextWithUser(ctx, "")
}

func tokenOf(r *http.Request) (string, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", false
	}
	return c.Value, true
}

// setToken sets the session's cookie: with age 0 until the browser is closed,
// as the browser SDK's, and with -1 it removes it.
func (a *app) setToken(w http.ResponseWriter, token string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: a.secure, SameSite: http.SameSiteLaxMode,
	})
}
