package server

import (
	"net/http"
	"strings"
)

func isBasic(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Basic")
}

// admitsBasic reports whether the request has the credentials that open the
// platform's query: a user of any name, with a key as the password. The platform
// has users of its own for this. As there, a key by itself opens nothing.
func (a *auth) admitsBasic(r *http.Request) bool {
	_, password, ok := r.BasicAuth()
	return ok && (len(a.keys) == 0 || a.accepts(password))
}

// challenge says that Basic auth is missing or wrong. A browser that is told so
// asks for a password, over whatever page is open. So it is not told.
func challenge(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-Fetch-Site") == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="altertable-local", charset="UTF-8"`)
	}
	plain(w, http.StatusUnauthorized, "a statement needs Basic auth: any user name, and as the password a key of -key, or any without -key")
}
