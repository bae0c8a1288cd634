package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"net/http"
	"runtime"
	"time"
	"unicode/utf8"
)

const (
	minPassword = 8
	maxPassword = 128
	iterations  = 600_000 // as OWASP recommends for PBKDF2 with SHA-256
	hashWait    = 3 * time.Second
)

// passwords hashes them, only so many at a time: one costs a good part of a
// second of a core, and anybody can post logins.
type passwords struct {
	slots      chan struct{} // one element for each hash that is being made
	iterations int           // fewer in tests
}

func newPasswords() *passwords {
	return &passwords{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), iterations: iterations}
}

var errBusy = refusal{http.StatusServiceUnavailable, "Too many people are signing in. Please try again in a moment."}

// hash waits for its turn while ctx lasts, but not for long. It fails with
// errBusy.
func (p *passwords) hash(ctx context.Context, password string, salt []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, errBusy
	}
	return pbkdf2.Key(sha256.New, password, salt, p.iterations, sha256.Size)
}

// fits says whether a password has a length that an account may have. A longer
// one is refused: cut, it would let in whoever knows its beginning.
func fits(password string) bool {
	n := utf8.RuneCountInString(password)
	return minPassword <= n && n <= maxPassword
}
