package server

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	sessionLifetime = 12 * time.Hour
	maxSessions     = 100
)

// auth admits who has a key, or a browser's session that was given for one.
// Without keys it admits everybody.
type auth struct {
	keys   []string
	cookie string // its name: cookies are shared by all ports of a host

	mu       sync.Mutex
	sessions map[string]time.Time // to their end; guarded by mu
}

func newAuth(keys []string, serverURL string) *auth {
	cookie := "altertable_local"
	if u, err := url.Parse(serverURL); err == nil {
		cookie += "_" + u.Port()
	}
	return &auth{keys: keys, cookie: cookie, sessions: map[string]time.Time{}}
}

func (a *auth) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.admits(r) {
			fail(w, http.StatusUnauthorized, "unauthorized", "the API key is missing or unknown")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *auth) admits(r *http.Request) bool {
	if len(a.keys) == 0 {
		return true
	}
	key := r.Header.Get("X-Api-Key")
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); key == "" && strings.EqualFold(scheme, "Bearer") {
		key = strings.TrimSpace(token)
	}
	if a.accepts(key) {
		return true
	}
	cookie, err := r.Cookie(a.cookie)
	if err != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Before(a.sessions[cookie.Value])
}

// accepts compares in a time that tells nothing about the keys.
func (a *auth) accepts(key string) bool {
	got, found := sha256.Sum256([]byte(key)), 0
	for _, k := range a.keys {
		want := sha256.Sum256([]byte(k))
		found |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return found == 1
}

func (a *auth) routes(mux *http.ServeMux) {
	mux.Handle("GET /console/session", a.protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})))
	mux.HandleFunc("POST /console/session", a.signIn)
}

// signIn trades a key for a session.
func (a *auth) signIn(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Key string `json:"key"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&body); err != nil || !a.accepts(body.Key) {
		fail(w, http.StatusUnauthorized, "unauthorized", "this key is unknown")
		return
	}
	token, now := rand.Text(), time.Now()
	a.mu.Lock()
	for t, end := range a.sessions {
		if now.After(end) || len(a.sessions) >= maxSessions {
			delete(a.sessions, t)
		}
	}
	a.sessions[token] = now.Add(sessionLifetime)
	a.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name:     a.cookie,
		Value:    token,
		Path:     "/",
		MaxAge:   int(sessionLifetime.Seconds()),
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}
