package main

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t)
		b := newBrowser(a, "1")
		b.signUp(t, "ada@example.com")
		time.Sleep(maxIdle - time.Second)
		assert.True(t, b.signedIn())
		time.Sleep(maxIdle)
		assert.False(t, b.signedIn(), "idle")

		b.post("/login", credentials("ada@example.com", password))
		token := b.session
		for range maxAge/maxIdle*2 - 1 {
			time.Sleep(maxIdle / 2)
			require.True(t, b.signedIn())
		}
		time.Sleep(maxIdle / 2)
		b.session = token
		assert.False(t, b.signedIn(), "too old, however busy")
	})
}

func TestExpiredSessionsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		for range 100 {
			s.begin("u_1")
		}
		time.Sleep(maxIdle)
		s.begin("u_1")
		assert.Len(t, s.byToken, 1)

		token := s.begin("u_2")
		time.Sleep(maxIdle)
		_, ok := s.use(token)
		assert.False(t, ok)
		assert.Len(t, s.byToken, 1)
	})
}

func TestALoginEndsTheOldSession(t *testing.T) {
	a, _ := newTestApp(t)
	newBrowser(a, "1").signUp(t, "ada@example.com")
	for name, next := range map[string]func(*browser){
		"login":        func(b *browser) { b.post("/login", credentials("ada@example.com", password)) },
		"same user":    func(b *browser) { b.post("/login", credentials("login@example.com", password)) },
		"sign-up":      func(b *browser) { b.post("/signup", credentials("other@example.com", password)) },
		"logout":       func(b *browser) { b.post("/logout", nil) },
		"login failed": func(b *browser) { b.post("/login", credentials("ada@example.com", "battery staple")) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(a, "2")
			if w := b.post("/signup", credentials("login@example.com", password)); w.Code != http.StatusSeeOther {
				b.post("/login", credentials("login@example.com", password))
			}
			old := b.session
			next(b)
			b.session = old
			assert.Equal(t, name == "login failed", b.signedIn())
		})
	}
}

func TestTheSessionsCookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		a, _ := newTestApp(t)
		a.secure = secure
		w := newBrowser(a, "1").post("/signup", credentials("ada@example.com", password))
		require.Len(t, w.Result().Cookies(), 1)
		c := w.Result().Cookies()[0]
		assert.True(t, c.HttpOnly)
		assert.Equal(t, secure, c.Secure)
		assert.Equal(t, http.SameSiteLaxMode, c.SameSite)
	}
}

// The ids of a visitor are linked to the user who was signed in. As long as the
// browser has them, nobody else may be linked to them.
func TestTheNextUserIsNotLinkedToTheFirst(t *testing.T) {
	for name, between := range map[string]func(*browser){
		"nothing":              func(*browser) {},
		"logout":               func(b *browser) { b.post("/logout", nil) },
		"logout elsewhere":     func(b *browser) { tab := *b; tab.post("/logout", nil) },
		"expiry":               func(*browser) { time.Sleep(maxIdle) },
		"expiry and a refusal": func(b *browser) { time.Sleep(maxIdle); b.post("/upgrade", nil) },
		"logout and a page":    func(b *browser) { b.post("/logout", nil); b.get("/") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, srv := newTestApp(t)
				b := newBrowser(a, "1")
				b.signUp(t, "ada@example.com")
				between(b)
				if b.session == "" { // that page's script has run
					b.visitor = newBrowser(a, "2").visitor
				}
				b.signUp(t, "bob@example.com")

				require.NoError(t, a.analytics.Flush(t.Context()))
				identities := srv.Identities()
				require.Len(t, identities, 2)
				assert.Equal(t, []string{"anonymous-1"}, identities[0].AnonymousIDs)
				assert.NotContains(t, identities[1].AnonymousIDs, "anonymous-1")
				assert.NotContains(t, identities[1].DeviceIDs, "device-1")
				for _, e := range srv.Events() {
					if e.DistinctID == identities[1].DistinctID {
						assert.NotEqual(t, "anonymous-1", e.AnonymousID)
					}
					assert.NotEqual(t, "page_viewed", e.Event, "who looked is not known")
				}
			})
		})
	}
}

func TestTheNextVisitorIsTracked(t *testing.T) {
	a, srv := newTestApp(t)
	b := newBrowser(a, "1")
	b.signUp(t, "ada@example.com")
	b.post("/logout", nil)
	b.get("/")
	assert.Empty(t, b.session, "the page's script has run, so the cookie goes")
	b.visitor = newBrowser(a, "2").visitor
	b.get("/")
	assert.Equal(t, []string{"signed_up", "logged_out", "page_viewed"}, eventsOf(t, a, srv))
	assert.Equal(t, "anonymous-2", srv.Events()[2].IdentityID)
}

func TestTheSameUserIsLinkedAgain(t *testing.T) {
	a, srv := newTestApp(t)
	b := newBrowser(a, "1")
	b.signUp(t, "ada@example.com")
	b.visitor = newBrowser(a, "2").visitor // as after the browser's cookies of scripts were deleted
	b.post("/login", credentials("ada@example.com", password))
	require.NoError(t, a.analytics.Flush(t.Context()))
	require.Len(t, srv.Identities(), 1)
	assert.Equal(t, []string{"anonymous-1", "anonymous-2"}, srv.Identities()[0].AnonymousIDs)
}
