// Package accounts takes the place of your own users and sessions, so that the
// services beside it stay short. It keeps them in memory and asks for no
// password: replace it.
package accounts

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Accounts are the users of a service, and who is logged in.
type Accounts struct {
	mu       sync.Mutex
	ids      map[string]string // by e-mail address
	sessions map[string]string // ids by session
	admins   map[string]bool   // by id
}

// New returns accounts without users.
func New() *Accounts {
	return &Accounts{ids: map[string]string{}, sessions: map[string]string{}, admins: map[string]bool{}}
}

// SignUp makes a user, and begins a session.
func (a *Accounts) SignUp(email string) (id, session string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if email == "" || a.ids[email] != "" {
		return "", "", errors.New("this e-mail address cannot be used")
	}
	id = fmt.Sprintf("u_%d", len(a.ids)+1)
	a.ids[strings.Clone(email)] = id
	return id, a.begin(id), nil
}

// LogIn begins a session of a user.
func (a *Accounts) LogIn(email string) (id, session string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ok := a.ids[email]
	if !ok {
		return "", "", errors.New("this e-mail address is not known")
	}
	return id, a.begin(id), nil
}

func (a *Accounts) begin(id string) string {
	session := rand.Text()
	a.sessions[session] = id
	return session
}

// User returns the id of the user whose session it is.
func (a *Accounts) User(session string) (id string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ok = a.sessions[session]
	return id, ok
}

// MakeAdmin makes the user an administrator.
func (a *Accounts) MakeAdmin(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.admins[id] = true
}

// Admin tells whether it is an administrator's session.
func (a *Accounts) Admin(session string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.admins[a.sessions[session]]
}

// Cookie returns the cookie that holds a session.
func Cookie(session string) *http.Cookie {
	return &http.Cookie{Name: "session", Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// Session returns the session of a request, or "".
func Session(r *http.Request) string {
	cookie, err := r.Cookie("session")
	if err != nil {
		return ""
	}
	return cookie.Value
}
