package altertabletest

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

const (
	maxBody  = 2_097_152
	maxDrain = 16 << 20
)

// An exchange is one request on its way through the server. One goroutine owns
// it.
type exchange struct {
	s       *Server
	w       http.ResponseWriter
	r       *http.Request
	start   time.Time
	record  *record
	listed  bool            // the record is in the server's list
	done    bool            // the record has its status
	cleared <-chan struct{} // ends the waiting of the fault that applies

	reading bool // the body was read, as far as it could be
	body    []byte
	tooBig  bool
	readErr error
}

// An answer is what the API says, or a fault in its place.
type answer struct {
	status int
	header http.Header
	body   []byte
	reason string // for the record
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r, start: time.Now(), record: newRecord(r)}
	s.mu.Lock()
	gone := s.down || s.closed
	s.mu.Unlock()
	if gone {
		x.reset()
		return
	}
	rule := s.ruleFor(x)
	if rule == nil {
		x.send(x.api(), Fault{})
		return
	}
	x.meet(rule)
}

// meet takes the request through the fault's steps, in the order that Fault
// documents.
func (x *exchange) meet(rule *Rule) {
	f := rule.fault
	if f.passes() {
		x.send(x.api(), f)
		return
	}
	if f.outcome != refused {
		x.read()
		x.arrive()
	}
	var earned *answer
	if f.after && f.outcome != refused {
		a := x.api()
		earned = &a
	}
	if !x.hold(rule) {
		x.finish(0, "")
		x.reset()
		return
	}
	switch {
	case f.outcome == refused:
		x.refuse()
	case f.outcome == wasReset:
		x.finish(0, "")
		x.reset()
	case f.handler != nil:
		x.delegate(f.handler)
	case f.status != 0:
		x.send(answer{status: f.status, header: http.Header{}}, f)
	case earned != nil:
		x.send(*earned, f)
	default:
		x.send(x.api(), f)
	}
}

// hold waits as long as the fault wants, and reports whether there still is a
// client to answer.
func (x *exchange) hold(rule *Rule) bool {
	if rule.fault.delay > 0 && !x.sleep(rule.fault.delay, rule.released, x.cleared) {
		return false
	}
	if !rule.fault.hang {
		return true
	}
	select {
	case <-rule.released:
	case <-x.cleared:
	case <-x.r.Context().Done():
		return false
	case <-x.s.done:
		return false
	}
	return true
}

// sleep waits for d or one of the channels, which may be nil. It reports false
// if the client or the server ended first.
func (x *exchange) sleep(d time.Duration, released, cleared <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-released:
	case <-cleared:
	case <-x.r.Context().Done():
		return false
	case <-x.s.done:
		return false
	}
	return true
}

// api handles the request as the API does.
func (x *exchange) api() answer {
	e, ok := endpointOf(x.r.URL.Path)
	if !ok {
		return plainText(http.StatusNotFound, "not found")
	}
	if x.r.Method != http.MethodPost {
		a := plainText(http.StatusMethodNotAllowed, "method not allowed")
		a.header.Set("Allow", http.MethodPost)
		return a
	}
	if _, key := credentials(x.r); key == "" || x.s.cfg.keys != nil && !x.s.cfg.keys[key] {
		return answer{status: http.StatusUnauthorized, header: http.Header{}, reason: "API key was refused"}
	}
	if !isJSON(x.r.Header.Get("Content-Type")) {
		return plainText(http.StatusUnsupportedMediaType, "expected Content-Type: application/json")
	}
	x.read()
	x.arrive()
	switch {
	case x.tooBig:
		return plainText(http.StatusRequestEntityTooLarge, fmt.Sprintf("body is over %d bytes", maxBody))
	case x.readErr != nil:
		return plainText(http.StatusBadRequest, "body could not be read")
	}
	messages, err := decode(e, x.body)
	switch {
	case err == errNotJSON:
		return plainText(http.StatusBadRequest, err.Error())
	case err != nil:
		return plainText(http.StatusUnprocessableEntity, err.Error())
	}
	return x.store(e, messages)
}

// store takes the messages under one lock: no other request comes between.
func (x *exchange) store(e endpoint, messages []message) answer {
	s := x.s
	s.mu.Lock()
	defer s.mu.Unlock()
	x.record.Count = len(messages)
	now := time.Now().UTC().Round(0)
	code := s.store.take(e, messages, &s.cfg, now, s.queueLocked)
	s.notifyLocked()
	if code != "" {
		return answer{
			status: http.StatusBadRequest,
			header: http.Header{"Content-Type": {"application/json"}},
			body:   []byte(`{"ok":false,"error_code":"` + code + `"}`),
			reason: code,
		}
	}
	return answer{
		status: http.StatusOK,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   []byte(`{"ok":true,"task_id":"` + s.store.taskID() + `","error_code":null}`),
	}
}

func plainText(status int, reason string) answer {
	return answer{
		status: status,
		header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		body:   []byte(reason),
		reason: reason,
	}
}

func endpointOf(path string) (endpoint, bool) {
	switch e := endpoint(strings.TrimPrefix(path, "/")); e {
	case track, identify, alias:
		return e, path == "/"+string(e)
	}
	return "", false
}

// isJSON reports whether a content type is application/json, or a JSON format
// of its own, application/...+json.
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	format, ok := strings.CutPrefix(media, "application/")
	return err == nil && ok && (format == "json" || strings.HasSuffix(format, "+json"))
}

// read reads the body once, up to the API's limit, and returns it.
func (x *exchange) read() []byte {
	if x.reading {
		return x.body
	}
	x.reading = true
	var buf bytes.Buffer
	if n := x.r.ContentLength; n > 0 {
		buf.Grow(int(min(n, maxBody)) + bytes.MinRead)
	}
	_, x.readErr = buf.ReadFrom(io.LimitReader(x.r.Body, maxBody+1))
	x.body = buf.Bytes()
	if len(x.body) > maxBody {
		x.tooBig = true
		x.body = x.body[:maxBody]
	}
	return x.body
}

func newRecord(r *http.Request) *record {
	auth, _ := credentials(r)
	query := r.URL.Query()
	return &record{Request: Request{
		Method: r.Method,
		Host:   r.Host,
		Path:   r.URL.Path,
		Query:  redactQuery(query),
		Sync:   query.Get("sync") == "true",
		Header: redactHeader(r.Header),
		Auth:   auth,
		Start:  time.Now().UTC().Round(0),
	}}
}
