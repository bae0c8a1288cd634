package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHeaders(t *testing.T) {
	a, _ := newTestApp(t)
	b := newBrowser(a, "1")
	for path, status := range map[string]int{
		"/": 200, "/pricing": 200, "/analytics": 200, "/style.css": 200, "/visitor.js": 200, "/nowhere": 404, "/customers": 403,
	} {
		w := b.get(path)
		assert.Equal(t, status, w.Code, path)
		h := w.Header()
		assert.Equal(t, "DENY", h.Get("X-Frame-Options"), path)
		assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		assert.Equal(t, "same-origin", h.Get("Referrer-Policy"), path)
		policy := h.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'", path)
		assert.Contains(t, policy, "frame-ancestors 'none'", path)
		assert.NotContains(t, policy, "unsafe", path)
	}
}

func TestPagesHoldNoScriptOrStyle(t *testing.T) {
	a, _ := newTestApp(t)
	html := newBrowser(a, "1").get("/").Body.String()
	assert.NotContains(t, html, "<style")
	assert.NotContains(t, html, "style=")
	assert.NotContains(t, html, "onclick")
	assert.Contains(t, html, `<script src="/visitor.js" data-cookie="atbl.pk_browser.production" data-user=""></script>`)
}

func TestBodiesAreBounded(t *testing.T) {
	a, srv := newTestApp(t)
	b := newBrowser(a, "1")
	form := credentials("ada@example.com", password)
	form.Set("more", strings.Repeat("x", maxBody))
	for _, path := range []string{"/signup", "/login", "/upgrade", "/logout", "/customers/u_1/upgrade"} {
		assert.Equal(t, http.StatusRequestEntityTooLarge, b.post(path, form).Code, path)
	}
	assert.Empty(t, a.users.customers())
	assert.Empty(t, eventsOf(t, a, srv))
}

func TestFormsThatCannotBeRead(t *testing.T) {
	a, _ := newTestApp(t)
	for name, r := range map[string]*http.Request{
		"escape":    request("application/x-www-form-urlencoded", "email=%zz"),
		"type":      request("text/;", "email=a@b"),
		"multipart": request("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na@b\r\n--x--\r\n"),
		"no type":   request("", credentials("ada@example.com", password).Encode()),
	} {
		assert.Equal(t, http.StatusBadRequest, newBrowser(a, "1").do(r).Code, name)
	}
	assert.Empty(t, a.users.customers())
}

func request(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/signup", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func TestOtherSitesCannotPost(t *testing.T) {
	a, _ := newTestApp(t)
	r := request("application/x-www-form-urlencoded", credentials("ada@example.com", password).Encode())
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, newBrowser(a, "1").do(r).Code)
	assert.Empty(t, a.users.customers())
}
