package server

import (
	"bytes"
	"net/http"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

// A liveRequest is a kept request. Its body may leave before it; the hub's mutex
// guards body, missing and truncated.
type liveRequest struct {
	version   int64
	row       shownRequest // not changed
	query     string
	auth      string
	agent     string
	content   string
	body      []byte
	missing   string // why there is no body
	truncated bool
}

// A shownRequest is a row of the console.
type shownRequest struct {
	Number   int64        `json:"n"`
	Method   string       `json:"method"`
	Path     string       `json:"path"`
	Status   int          `json:"status"`
	Reason   string       `json:"reason"`
	Count    int          `json:"count"`
	Size     int          `json:"size"`
	Duration float64      `json:"duration_ms"`
	Start    string       `json:"start"`
	Hints    []hints.Hint `json:"hints,omitempty"`
}

func newRequest(r *altertabletest.Request, environments []string) *liveRequest {
	if r == nil {
		return nil
	}
	body := r.Body
	if len(body) > clipDetail {
		body = bytes.Clone(body[:clipDetail]) // lets go of the rest
	}
	return &liveRequest{
		row: shownRequest{
			Method:   clipped(r.Method),
			Path:     clipped(r.Path),
			Status:   r.Status,
			Reason:   clipped(r.Reason),
			Count:    r.Count,
			Size:     r.Size,
			Duration: float64(r.Duration.Microseconds()) / 1000,
			Start:    stamp(r.Start),
			Hints:    hints.OfRequest(r, environments),
		},
		query:     clipped(r.Query.Encode()),
		auth:      r.Auth,
		agent:     clipped(r.Header.Get("User-Agent")),
		content:   clipped(r.Header.Get("Content-Type")),
		body:      body,
		missing:   whyNoBody(r),
		truncated: len(r.Body) > clipDetail,
	}
}

func whyNoBody(r *altertabletest.Request) string {
	switch {
	case len(r.Body) > 0:
		return ""
	case r.Status == http.StatusRequestEntityTooLarge:
		return "it was over 2 MiB, and such a body is not kept"
	case r.Size > 0:
		return "there was no room for it"
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusNotFound ||
		r.Status == http.StatusMethodNotAllowed || r.Status == http.StatusUnsupportedMediaType:
		return "the request was refused before its body was read"
	case r.Status == 0:
		return "none of it was read before the connection ended"
	}
	return "the request had none"
}

// refused reports whether the body is one that somebody will look for.
func (r *liveRequest) refused() bool { return r.row.Status < 200 || r.row.Status > 299 }

// bodies bounds what the bodies of requests take. Those of requests that went
// well leave first.
type bodies struct {
	size          int
	refused, fine []*liveRequest // with a body, oldest first
}

func (b *bodies) add(r *liveRequest) {
	if len(r.body) == 0 {
		return
	}
	b.size += len(r.body)
	if r.refused() {
		b.refused = append(b.refused, r)
	} else {
		b.fine = append(b.fine, r)
	}
	for b.size > keepBodies {
		from := &b.fine
		if len(*from) == 0 {
			from = &b.refused
		}
		b.drop((*from)[0])
	}
}

// drop lets go of the body of the oldest request of its kind.
func (b *bodies) drop(r *liveRequest) {
	from := &b.fine
	if r.refused() {
		from = &b.refused
	}
	if len(*from) == 0 || (*from)[0] != r {
		return // it had none
	}
	b.size -= len(r.body)
	r.body, r.truncated, r.missing = nil, false, "it made room for the bodies of newer requests"
	(*from)[0] = nil
	*from = (*from)[1:]
}
