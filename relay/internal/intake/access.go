package intake

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// access knows the tokens of all tenants.
type access struct {
	tokens []ownedToken
	any    int // number of the tenant that takes any token; negative: none
}

type ownedToken struct {
	Token
	tenant int
}

func newAccess(tenants []Tenant) access {
	a := access{any: -1}
	for i, t := range tenants {
		if t.AnyToken {
			a.any = i
		}
		for _, token := range t.Tokens {
			a.tokens = append(a.tokens, ownedToken{token, i})
		}
	}
	return a
}

// find returns the tenant that a token is of. It takes as long for every token.
func (a *access) find(token string) (tenant int, browser, ok bool) {
	if token == "" {
		return 0, false, false
	}
	sum, found := sha256.Sum256([]byte(token)), 0
	for i := range a.tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], a.tokens[i].SHA256[:]), i+1, found)
	}
	if found > 0 {
		t := &a.tokens[found-1]
		return t.tenant, t.Browser, true
	}
	return a.any, false, a.any >= 0
}

// credentials returns the token that a request presents, or "". An empty X-API-Key
// is a wrong one, whatever else there is.
func credentials(r *http.Request) string {
	if keys := r.Header["X-Api-Key"]; len(keys) > 0 {
		return keys[0]
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		if token = strings.TrimSpace(token); token != "" {
			return token
		}
	}
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get("apiKey")
}
