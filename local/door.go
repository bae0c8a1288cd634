package main

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

// A door lets in who has a key, or a browser's session that was given for one.
// Without keys it is open.
type door struct {
	keys   []string
	cookie string // its name: cookies are shared by all ports of a host

	mu       sync.Mutex
	sessions map[string]time.Time // to their end; guarded by mu
}

func newDoor(keys []string, serverURL string) *door {
	cookie := "altertable_local"
	if u, err := url.Parse(serverURL); err == nil {
		cookie += "_" + u.Port()
	}
	return &door{keys: keys, cookie: cookie, sessions: map[string]time.Time{}}
}

func (d *door) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.admits(r) {
			fail(w, http.StatusUnauthorized, "unauthorized", "the API key is missing or unknown")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (d *door) admits(r *http.Request) bool {
	if len(d.keys) == 0 {
		return true
	}
	key := r.Header.Get("X-Api-Key")
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); key == "" && strings.EqualFold(scheme, "Bearer") {
		key = strings.TrimSpace(token)
	}
	if d.opens(key) {
		return true
	}
	cookie, err := r.Cookie(d.cookie)
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.sessions[cookie.Value])
}

// opens compares in a time that tells nothing about the keys.
func (d *door) opens(key string) bool {
	got, found := sha256.Sum256([]byte(key)), 0
	for _, k := range d.keys {
		want := sha256.Sum256([]byte(k))
		found |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return found == 1
}

func (d *door) routes(mux *http.ServeMux) {
	mux.Handle("GET /console/session", d.protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})))
	mux.HandleFunc("POST /console/session", d.signIn)
}

// signIn trades a key for a session.
func (d *door) signIn(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Key string `json:"key"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&body); err != nil || !d.opens(body.Key) {
		fail(w, http.StatusUnauthorized, "unauthorized", "this key is unknown")
		return
	}
	token, now := rand.Text(), time.Now()
	d.mu.Lock()
	for t, end := range d.sessions {
		if now.After(end) || len(d.sessions) >= maxSessions {
			delete(d.sessions, t)
		}
	}
	d.sessions[token] = now.Add(sessionLifetime)
	d.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name:     d.cookie,
		Value:    token,
		Path:     "/",
		MaxAge:   int(sessionLifetime.Seconds()),
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}
