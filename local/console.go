package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed web
var web embed.FS

// A console is the page and the stream it lives on.
type console struct {
	hub          *hub
	auth         *auth
	writeTimeout time.Duration
	streams      chan struct{} // one element for each; bounds them
}

const (
	streamInterval = 100 * time.Millisecond // shortest time between two updates
	streamIdle     = 15 * time.Second       // longest time without a sign of life
)

func (c console) routes(mux *http.ServeMux) {
	mux.Handle("GET /{$}", page("index.html"))
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
	mux.Handle("GET /console/stream", c.auth.protect(http.HandlerFunc(c.stream)))
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

// stream sends server-sent events: all that the hub has, and then what changes.
// A browser that does not read is cut off, and connects again.
func (c console) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		fail(w, http.StatusServiceUnavailable, "too-many-streams", "too many consoles are open")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Time{}) // the request is over, its connection lasts
	send := func(message []byte) bool {
		_ = controller.SetWriteDeadline(time.Now().Add(c.writeTimeout))
		_, err := w.Write(message)
		return err == nil && controller.Flush() == nil
	}
	if !send([]byte("retry: 1000\n\n")) {
		return
	}
	for version := int64(-1); ; {
		u, now, more := c.hub.since(version)
		if more == nil {
			return
		}
		message := []byte(": still here\n\n")
		if now != version {
			message = u.message(version < 0)
		}
		if !send(message) || !pause(r, more) {
			return
		}
		version = now
	}
}

// message is u as a server-sent event. The first one replaces what the page had.
func (u update) message(first bool) []byte {
	name := "update"
	if first {
		name = "snapshot"
	}
	var buf bytes.Buffer
	buf.WriteString("event: " + name + "\ndata: ")
	if err := json.NewEncoder(&buf).Encode(u); err != nil { // ends with a line break
		panic(err) // u has strings and numbers alone
	}
	buf.WriteString("\n")
	return buf.Bytes()
}

// pause waits for more, but not so that a burst becomes a flood, and not for
// so long that the connection seems dead. It reports false if the client left.
func pause(r *http.Request, more <-chan struct{}) bool {
	idle, rest := time.NewTimer(streamIdle), time.NewTimer(streamInterval)
	defer idle.Stop()
	defer rest.Stop()
	select {
	case <-more:
	case <-idle.C:
	case <-r.Context().Done():
		return false
	}
	select {
	case <-rest.C:
	case <-r.Context().Done():
		return false
	}
	return true
}
