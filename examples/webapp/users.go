package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// A user has an id that never changes, which is not the e-mail address.
type user struct {
	ID, Plan string

	email      string
	salt, hash []byte
}

// users are the accounts and the sessions, in memory.
type users struct {
	mu       sync.Mutex
	byEmail  map[string]*user
	byID     map[string]*user
	sessions map[string]*user
}

func newUsers() *users {
	return &users{byEmail: map[string]*user{}, byID: map[string]*user{}, sessions: map[string]*user{}}
}

const (
	minPassword = 8
	maxPassword = 128
	iterations  = 600_000 // as OWASP recommends for PBKDF2 with SHA-256
)

func hashPassword(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
}

func (s *users) create(email, password string) (user, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if !strings.Contains(email, "@") || len(password) < minPassword || len(password) > maxPassword {
		return user{}, errors.New("an account needs an e-mail address and a password of 8 to 128 characters")
	}
	u := &user{ID: "u_" + uuid.NewString(), Plan: "free", email: email, salt: make([]byte, 16)}
	rand.Read(u.salt)
	var err error
	if u.hash, err = hashPassword(password, u.salt); err != nil {
		return user{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byEmail[email] != nil {
		return user{}, errors.New("there is an account with this e-mail address")
	}
	s.byEmail[email], s.byID[u.ID] = u, u
	return *u, nil
}

func (s *users) authenticate(email, password string) (user, bool) {
	s.mu.Lock()
	u := s.byEmail[strings.ToLower(strings.TrimSpace(email))]
	s.mu.Unlock()
	if u == nil {
		u = &user{salt: make([]byte, 16)} // takes as long as a wrong password
	}
	hash, err := hashPassword(password[:min(len(password), maxPassword)], u.salt)
	if err != nil || subtle.ConstantTimeCompare(hash, u.hash) != 1 {
		return user{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return *u, true
}

func (s *users) setPlan(id, plan string) user {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.byID[id]
	u.Plan = plan
	return *u
}

const sessionCookie = "session"

func (a *app) startSession(w http.ResponseWriter, u user) {
	token := rand.Text()
	a.users.mu.Lock()
	a.users.sessions[token] = a.users.byID[u.ID]
	a.users.mu.Unlock()
	a.setSession(w, token, 24*time.Hour)
}

func (a *app) setSession(w http.ResponseWriter, token string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: a.secure, SameSite: http.SameSiteLaxMode,
	})
}

func (a *app) endSession(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		a.users.mu.Lock()
		delete(a.users.sessions, c.Value)
		a.users.mu.Unlock()
	}
	a.setSession(w, "", -time.Second)
}

// user returns who is signed in.
func (a *app) user(r *http.Request) (user, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return user{}, false
	}
	a.users.mu.Lock()
	defer a.users.mu.Unlock()
	u := a.users.sessions[c.Value]
	if u == nil {
		return user{}, false
	}
	return *u, true
}
