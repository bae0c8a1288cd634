package server

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

//go:embed web
var web embed.FS

// A console is the pages and what they live on.
type console struct {
	hub          *hub
	api          *altertabletest.Server
	database     *database
	auth         *auth
	writeTimeout time.Duration
	streams      chan struct{} // one element for each; bounds them
}

// answerTimeout is how long a page may take to read an answer.
const answerTimeout = time.Minute

func (c console) routes(mux *http.ServeMux) {
	mux.Handle("GET /{$}", page("index.html"))
	mux.Handle("GET /person", page("person.html"))
	mux.Handle("GET /favicon.ico", page("icon.svg"))
	files, err := fs.Glob(web, "web/*.[cj]s*") // style sheets and scripts
	if err != nil {
		panic(err) // the pattern is one
	}
	for _, file := range files {
		name := path.Base(file)
		mux.Handle("GET /console/"+name, page(name))
	}
	c.auth.routes(mux)
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /console/stream":            c.stream,
		"GET /console/events":            c.olderEvents,
		"GET /console/events/{number}":   c.event,
		"GET /console/requests/{number}": c.request,
		"GET /console/person":            c.person,
		"POST /console/clear":            c.clear,
	} {
		mux.Handle(pattern, c.auth.protect(handler))
	}
}

func page(file string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
			"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		if file == "icon.svg" {
			h.Set("Content-Type", "image/svg+xml")
		}
		http.ServeFileFS(w, r, web, "web/"+file)
	})
}

// show answers with what a page asked for.
func show(w http.ResponseWriter, v any) {
	// The one who asks has to take the answer in the end.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	answer(w, http.StatusOK, v)
}

func refuse(w http.ResponseWriter, message string) {
	fail(w, http.StatusBadRequest, "bad-request", message)
}
