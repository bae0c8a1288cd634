package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPasswordsHaveALength(t *testing.T) {
	for name, c := range map[string]struct {
		password string
		fits     bool
	}{
		"empty":               {"", false},
		"short":               {strings.Repeat("x", 7), false},
		"shortest":            {strings.Repeat("x", 8), true},
		"characters":          {strings.Repeat("\u00e9", 128), true},
		"longest":             {strings.Repeat("x", 128), true},
		"long":                {strings.Repeat("x", 129), false},
		"as long as the form": {strings.Repeat("x", 10_000), false},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := newTestApp(t)
			want := http.StatusBadRequest
			if c.fits {
				want = http.StatusSeeOther
			}
			assert.Equal(t, want, newBrowser(a, "1").post("/signup", credentials("ada@example.com", c.password)).Code)
		})
	}
}

func TestALongPasswordIsNotCut(t *testing.T) {
	a, _ := newTestApp(t)
	longest := strings.Repeat("x", maxPassword)
	b := newBrowser(a, "1")
	require.Equal(t, http.StatusSeeOther, b.post("/signup", credentials("ada@example.com", longest)).Code)
	assert.Equal(t, http.StatusUnauthorized, b.post("/login", credentials("ada@example.com", longest+"y")).Code)
	assert.Equal(t, http.StatusSeeOther, b.post("/login", credentials("ada@example.com", longest)).Code)
}

func TestHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t)
		b := newBrowser(a, "1")
		b.signUp(t, "ada@example.com")
		a.users.passwords.slots <- struct{}{} // somebody else's hash

		begin := time.Now()
		for _, path := range []string{"/login", "/signup"} {
			w := newBrowser(a, "2").post(path, credentials("bob@example.com", password))
			assert.Equal(t, http.StatusServiceUnavailable, w.Code)
			assert.Equal(t, "5", w.Header().Get("Retry-After"))
			assert.Contains(t, w.Body.String(), `value="bob@example.com"`)
		}
		assert.Equal(t, 2*hashWait, time.Since(begin))

		time.AfterFunc(time.Second, func() { <-a.users.passwords.slots })
		_, err := a.users.authenticate(t.Context(), "ada@example.com", password)
		assert.NoError(t, err, "its turn came")
		assert.Empty(t, a.users.passwords.slots)
	})
}

func TestNobodyWaitsForARequestThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t)
		a.users.passwords.slots <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := a.users.create(ctx, "ada@example.com", password)
		assert.ErrorIs(t, err, errBusy)
		assert.Equal(t, time.Second, time.Since(begin))
	})
}

func TestHashesAreMadeOnHalfTheCores(t *testing.T) {
	p := newPasswords()
	assert.Positive(t, cap(p.slots))
	assert.GreaterOrEqual(t, p.iterations, 600_000)
}
