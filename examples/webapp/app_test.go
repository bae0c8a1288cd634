package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

const password = "correct horse"

func newTestApp(t *testing.T) (*app, *altertabletest.Server) {
	t.Helper()
	client, srv := altertabletest.New(t, altertable.WithVisitorKey(browserKey))
	a := newApp(client, "production")
	a.embedded = srv
	a.users.passwords = &passwords{slots: make(chan struct{}, 1), iterations: 1}
	return a, srv
}

// A browser keeps the session's cookie, and sends that of a visitor.
type browser struct {
	handler http.Handler
	visitor *http.Cookie
	session string
}

func newBrowser(a *app, visitor string) *browser {
	state := `{"deviceId":"device-` + visitor + `","distinctId":"anonymous-` + visitor + `","anonymousId":null,"trackingConsent":"granted"}`
	return &browser{a.handler(), &http.Cookie{Name: a.visitorCookie, Value: url.PathEscape(state)}, ""}
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	r.AddCookie(b.visitor)
	if b.session != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: b.session})
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.Name == sessionCookie {
			b.session = c.Value
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	return b.do(httptest.NewRequest(http.MethodGet, path, nil))
}

func (b *browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

func (b *browser) signUp(t *testing.T, email string) {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, b.post("/signup", credentials(email, password)).Code)
}

func (b *browser) signedIn() bool {
	return strings.Contains(b.get("/pricing").Body.String(), `id="logout"`)
}

func credentials(email, password string) url.Values {
	return url.Values{"email": {email}, "password": {password}}
}

func eventsOf(t *testing.T, a *app, srv *altertabletest.Server) []string {
	t.Helper()
	require.NoError(t, a.analytics.Flush(t.Context()))
	var all []string
	for _, e := range srv.Events() {
		all = append(all, e.Event)
	}
	return all
}

func TestTheUserActs(t *testing.T) {
	a, srv := newTestApp(t)
	b := newBrowser(a, "1")
	b.get("/")
	b.signUp(t, "ada@example.com")
	b.post("/upgrade", nil)
	b.post("/upgrade", nil) // a double click
	b.post("/logout", nil)
	assert.False(t, b.signedIn())
	b.post("/login", credentials(" ADA@example.com ", password))
	assert.True(t, b.signedIn())

	assert.Equal(t, []string{"page_viewed", "signed_up", "plan_upgraded", "logged_out", "logged_in", "page_viewed"}, eventsOf(t, a, srv))
	require.Len(t, srv.Identities(), 1)
	ada := srv.Identities()[0]
	assert.Equal(t, "pro", ada.Traits["plan"])
	assert.Equal(t, []string{"anonymous-1"}, ada.AnonymousIDs)
	for _, e := range srv.Events() {
		assert.Equal(t, ada.DistinctID, e.IdentityID, e.Event)
	}
}

func TestNobodyIsKnownWithoutTheCookie(t *testing.T) {
	a, srv := newTestApp(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	a.handler().ServeHTTP(w, r)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Empty(t, eventsOf(t, a, srv))
	assert.Zero(t, a.analytics.Stats().RejectedInvalid)
}

func TestCredentialsAreTakenFromTheBodyOnly(t *testing.T) {
	a, _ := newTestApp(t)
	newBrowser(a, "1").signUp(t, "ada@example.com")
	query := "?" + credentials("ada@example.com", password).Encode()
	other := newBrowser(a, "2")
	assert.Equal(t, http.StatusUnauthorized, other.post("/login"+query, nil).Code)
	assert.Equal(t, http.StatusBadRequest, other.post("/signup"+strings.Replace(query, "ada", "bob", 1), nil).Code)
	assert.False(t, other.signedIn())
}

func TestRefusedFormsKeepTheEmail(t *testing.T) {
	a, _ := newTestApp(t)
	newBrowser(a, "1").signUp(t, "ada@example.com")
	for name, c := range map[string]struct {
		path, email, password string
		status                int
		problem               string
	}{
		"taken":         {"/signup", "ada@example.com", password, http.StatusBadRequest, "There is an account"},
		"short":         {"/signup", "bob@example.com", "short", http.StatusBadRequest, "8 to 128 characters"},
		"wrong":         {"/login", "ada@example.com", "battery staple", http.StatusUnauthorized, "do not match"},
		"unknown":       {"/login", "bob@example.com", password, http.StatusUnauthorized, "do not match"},
		"hostile email": {"/login", `"><script>@`, password, http.StatusUnauthorized, "do not match"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(a, "2")
			w := b.post(c.path, credentials(c.email, c.password))
			assert.Equal(t, c.status, w.Code)
			assert.Contains(t, w.Body.String(), c.problem)
			assert.Contains(t, w.Body.String(), `action="`+c.path+`"`)
			assert.NotContains(t, w.Body.String(), c.password)
			if name == "hostile email" {
				assert.Contains(t, w.Body.String(), `value="&#34;&gt;&lt;script&gt;@"`)
			} else {
				assert.Contains(t, w.Body.String(), `value="`+c.email+`"`)
			}
			assert.False(t, b.signedIn())
		})
	}
}

func TestUpgradeNeedsALogin(t *testing.T) {
	a, srv := newTestApp(t)
	w := newBrowser(a, "1").post("/upgrade", nil)
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Contains(t, w.Body.String(), "Log in to upgrade.")
	assert.Empty(t, eventsOf(t, a, srv))
}
