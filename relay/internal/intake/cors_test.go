package intake_test

import (
	"crypto/sha256"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

const page = "https://www.example.com"

func corsService(t *testing.T) *service {
	acme := acme()
	acme.Origins = []string{page}
	other := intake.Tenant{Name: "other", Origins: []string{"https://other.example"}, Tokens: []intake.Token{{SHA256: sha256.Sum256([]byte("other"))}}}
	return start(t, intake.Options{Tenants: []intake.Tenant{acme, other}})
}

func (s *service) preflight(t *testing.T, path, origin string) reply {
	r := s.request(t, path, "", "X-API-Key", "", "Content-Type", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
	r.Method = http.MethodOptions
	return s.do(t, r)
}

func TestAPageOfAListedOriginMaySend(t *testing.T) {
	s := corsService(t)
	for _, path := range []string{"/track", "/identify?apiKey=" + browserToken} {
		a := s.preflight(t, path, page)
		assert.Equal(t, 204, a.status)
		assert.Equal(t, page, a.header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
		assert.Equal(t, "POST", a.header.Get("Access-Control-Allow-Methods"))
		assert.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "Content-Type")
		assert.Contains(t, a.header.Get("Vary"), "Origin")
	}
	a := s.post(t, "/track?apiKey="+browserToken, track(1), "X-API-Key", "", "Origin", page)
	assert.Equal(t, 200, a.status)
	assert.Equal(t, page, a.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
	assert.Equal(t, "Origin", a.header.Get("Vary"))
}

func TestAPageMayReadARefusal(t *testing.T) {
	s := corsService(t)
	for _, a := range []reply{s.post(t, "/track", "x", "Origin", page), s.post(t, "/track", "x", "Origin", page, "X-API-Key", "wrong"), s.post(t, "/track", "x", "Origin", page, "Content-Type", "text/plain")} {
		assert.GreaterOrEqual(t, a.status, 400)
		assert.Equal(t, page, a.header.Get("Access-Control-Allow-Origin"))
	}
}

func TestNoOtherPageMaySend(t *testing.T) {
	s := corsService(t)
	for _, origin := range []string{"https://evil.example", "http://www.example.com", page + ".evil.example", page + ":8443", "null", "*"} {
		a := s.preflight(t, "/track", origin)
		assert.Equal(t, 405, a.status, origin)
		assert.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, "Origin", a.header.Get("Vary"))
		a = s.post(t, "/track", track(1), "Origin", origin)
		assert.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
		assert.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
	}
}

// The origins of one tenant do not count for another's token.
func TestOriginsAreATenants(t *testing.T) {
	s := corsService(t)
	assert.Equal(t, 405, s.preflight(t, "/track?apiKey=other", page).status)
	assert.Equal(t, 405, s.preflight(t, "/track?apiKey=wrong", page).status)
	assert.Equal(t, 204, s.preflight(t, "/track?apiKey=other", "https://other.example").status)
	a := s.post(t, "/track", track(1), "Origin", page, "X-API-Key", "other")
	assert.Equal(t, 200, a.status)
	assert.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "Origin", a.header.Get("Vary"))
}

func TestAnswersDifferByOriginAlsoWithoutOne(t *testing.T) {
	s := corsService(t)
	assert.Equal(t, "Origin", s.post(t, "/track", track(1)).header.Get("Vary"))
	s = start(t, intake.Options{})
	assert.Empty(t, s.post(t, "/track", track(1), "Origin", page).header.Get("Vary"))
	assert.Equal(t, 405, s.preflight(t, "/track", page).status)
}

func TestOptionsWithoutAQuestionIsAnotherMethod(t *testing.T) {
	s := corsService(t)
	r := s.request(t, "/track", "", "Origin", page)
	r.Method = http.MethodOptions
	assert.Equal(t, 405, s.do(t, r).status)
	assert.Equal(t, 404, s.preflight(t, "/metrics", page).status)
}
