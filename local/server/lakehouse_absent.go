package server

import (
	"net/http"
	"regexp"
)

// absentPaths are those of the platform's lakehouse API besides POST /query.
var absentPaths = regexp.MustCompile(`^/(query/[^/]+|tasks/[^/]+|validate|explain|append|upload|upsert|autocomplete)$`)

// absent lets the API refuse what is not here, so that it is counted and shown
// like any other request, and says why.
func absent(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if absentPaths.MatchString(r.URL.Path) {
			w = &explained{ResponseWriter: w}
		}
		api.ServeHTTP(w, r)
	})
}

// explained is an answer whose text is replaced if it is 404.
type explained struct {
	http.ResponseWriter
	replaced bool
}

const onlyQuery = "altertable-local has POST /query alone of the lakehouse API"

func (e *explained) WriteHeader(status int) {
	e.replaced = status == http.StatusNotFound
	if !e.replaced {
		e.ResponseWriter.WriteHeader(status)
		return
	}
	e.Header().Del("Content-Length")
	plain(e.ResponseWriter, status, onlyQuery)
}

func (e *explained) Write(p []byte) (int, error) {
	if e.replaced {
		return len(p), nil
	}
	return e.ResponseWriter.Write(p)
}

// Unwrap lets a fault close the connection.
func (e *explained) Unwrap() http.ResponseWriter { return e.ResponseWriter }
