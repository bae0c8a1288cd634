package main

import (
	"errors"
	"net/http"
)

const maxBody = 16 << 10 // of a form, of which the longest here has two fields

// No script and no style is in the page itself, so that one which was smuggled
// into it would not run. The data: is that of the empty icon.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// protect keeps other sites from framing the pages, and from posting their forms.
func protect(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(parseForm(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// parseForm bounds the body and parses it, since the PostFormValue of a handler
// would not tell that it could not be read.
func parseForm(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if r.Method == http.MethodPost {
			if err := r.ParseForm(); err != nil {
				status := http.StatusBadRequest
				if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
					status = http.StatusRequestEntityTooLarge
				}
				http.Error(w, http.StatusText(status), status)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
