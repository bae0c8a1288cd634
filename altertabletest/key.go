package altertabletest

import (
	"net/http"
	"net/url"
	"strings"
)

// redacted is in the place of a key in what is kept of a request.
const redacted = "REDACTED"

// credentials returns the key a request presents and what it is in. An empty
// X-API-Key is a wrong key, whatever else there is.
func credentials(r *http.Request) (carrier, key string) {
	if keys := r.Header["X-Api-Key"]; len(keys) > 0 {
		if keys[0] == "" {
			return "", ""
		}
		return "X-API-Key", keys[0]
	}
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && strings.TrimSpace(key) != "" {
		return "Authorization", strings.TrimSpace(key)
	}
	if key := r.URL.Query().Get("apiKey"); key != "" {
		return "apiKey", key
	}
	return "", ""
}

// redactHeader returns a copy without secrets. Cookies are among them: the
// browser SDK's cookie has the key in its name.
func redactHeader(h http.Header) http.Header {
	c := h.Clone()
	if c == nil {
		c = http.Header{}
	}
	for name, values := range c {
		authorization := strings.HasSuffix(name, "Authorization")
		if !authorization && name != "Cookie" && !mayHoldKey(name) {
			continue
		}
		for i, v := range values {
			values[i] = redacted
			if scheme, _, _ := strings.Cut(v, " "); authorization && isScheme(scheme) {
				values[i] = scheme + " " + redacted
			}
		}
	}
	return c
}

func isScheme(name string) bool {
	return strings.EqualFold(name, "Bearer") || strings.EqualFold(name, "Basic")
}

// redactQuery returns q without keys. A key can be in a name: "?apiKey%3Dabc" is
// a parameter "apiKey=abc".
func redactQuery(q url.Values) url.Values {
	c := make(url.Values, len(q))
	for name, values := range q {
		if !mayHoldKey(name) {
			c[name] = values
			continue
		}
		if bare := withoutDashes(name); bare != "apikey" && bare != "xapikey" {
			name = redacted
		}
		for range values {
			c.Add(name, redacted)
		}
	}
	return c
}

// mayHoldKey reports whether a header or a parameter is one for a key, also in a
// spelling that the API does not take: api_key, X-Api-Key, APIKEY, apiKey[].
func mayHoldKey(name string) bool { return strings.Contains(withoutDashes(name), "apikey") }

func withoutDashes(name string) string { return dashes.Replace(strings.ToLower(name)) }

var dashes = strings.NewReplacer("-", "", "_", "", ".", "", " ", "")
