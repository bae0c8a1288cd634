package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/altertable-ai/altertable-go"
)

// A user has an id that never changes, which is not the e-mail address.
type user struct {
	ID, Email, Plan string
	Admin           bool

	salt, hash []byte
}

// traits are what the analytics know of a user.
func (u user) traits() altertable.Traits { return altertable.Traits{"plan": u.Plan} }

// users are the accounts, in memory: a real service has a database.
type users struct {
	passwords *passwords

	mu      sync.Mutex
	byEmail map[string]*user
	byID    map[string]*user
}

func newUsers(p *passwords) *users {
	return &users{passwords: p, byEmail: map[string]*user{}, byID: map[string]*user{}}
}

const (
	maxEmail   = 254
	adminEmail = "admin@example.com"
)

var (
	errUnfit    = refusal{http.StatusBadRequest, "An account needs an e-mail address and a password of 8 to 128 characters."}
	errTaken    = refusal{http.StatusBadRequest, "There is an account with this e-mail address."}
	errMismatch = refusal{http.StatusUnauthorized, "This e-mail address and password do not match."}
)

func (s *users) create(ctx context.Context, email, password string) (user, error) {
	return s.add(ctx, user{Email: normalize(email), Plan: "free"}, password)
}

// addAdmin adds the administrator, and returns the password.
func (s *users) addAdmin(ctx context.Context) (string, error) {
	password := rand.Text()
	_, err := s.add(ctx, user{Email: adminEmail, Plan: "staff", Admin: true}, password)
	return password, err
}

func (s *users) add(ctx context.Context, u user, password string) (user, error) {
	if !strings.Contains(u.Email, "@") || len(u.Email) > maxEmail || !fits(password) {
		return user{}, errUnfit
	}
	u.ID, u.salt = "u_"+uuid.NewString(), make([]byte, 16)
	rand.Read(u.salt)
	var err error
	if u.hash, err = s.passwords.hash(ctx, password, u.salt); err != nil {
		return user{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byEmail[u.Email] != nil {
		return user{}, errTaken
	}
	s.byEmail[u.Email], s.byID[u.ID] = &u, &u
	return u, nil
}

func (s *users) authenticate(ctx context.Context, email, password string) (user, error) {
	if !fits(password) {
		return user{}, errMismatch
	}
	s.mu.Lock()
	account := s.byEmail[normalize(email)]
	s.mu.Unlock()
	if account == nil {
		account = &user{salt: make([]byte, 16)} // takes as long as a wrong password
	}
	hash, err := s.passwords.hash(ctx, password, account.salt) // salt and hash do not change
	if err != nil {
		return user{}, err
	}
	if subtle.ConstantTimeCompare(hash, account.hash) != 1 {
		return user{}, errMismatch
	}
	u, _ := s.find(account.ID)
	return u, nil
}

func (s *users) find(id string) (user, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.byID[id]; u != nil {
		return *u, true
	}
	return user{}, false
}

// upgrade puts a customer on the pro plan, and returns whether that changed
// anything.
func (s *users) upgrade(id string) (user, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.byID[id]
	if u == nil || u.Admin || u.Plan == "pro" {
		return user{}, false
	}
	u.Plan = "pro"
	return *u, true
}

// customers returns all users except the administrator, by e-mail address.
func (s *users) customers() []user {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []user
	for _, u := range s.byID {
		if !u.Admin {
			all = append(all, *u)
		}
	}
	slices.SortFunc(all, func(a, b user) int { return cmp.Compare(a.Email, b.Email) })
	return all
}

func normalize(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
