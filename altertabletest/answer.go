package altertabletest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// arrive lists the request, once it is clear what of it was read.
func (x *exchange) arrive() {
	if x.listed {
		return
	}
	x.listed = true
	body := x.body
	x.record.Size = len(body)
	if x.tooBig {
		body = nil
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.keepLocked(x.record, body)
	x.s.notifyLocked()
}

// finish completes the request's record. It comes before the first byte of the
// answer, so that who has the answer finds the record complete.
func (x *exchange) finish(status int, reason string) {
	if x.done {
		return
	}
	x.done = true
	x.arrive()
	x.s.mu.Lock()
	x.record.Status, x.record.Reason = status, reason
	x.record.Duration = time.Since(x.start)
	if x.s.cfg.observe != nil {
		request := x.record.clone()
		if body := x.body; request.Body == nil && !x.tooBig && len(body) > 0 && len(body) <= x.s.cfg.bodyHistory {
			request.Body = slices.Clone(body) // let go in the meantime
		}
		x.s.untold = append(x.s.untold, Change{Request: &request})
	}
	x.s.mu.Unlock()
	x.s.tell()
}

// send answers with a, changed as f says.
func (x *exchange) send(a answer, f Fault) {
	h := x.w.Header()
	maps.Copy(h, a.header)
	maps.Copy(h, f.header)
	if f.body != nil {
		a.body = []byte(*f.body)
	}
	for n := f.padding; n > 0; n -= len(padding) {
		h.Add("X-Padding", padding[:min(n, len(padding))])
	}
	x.finish(a.status, a.reason)
	if f.endless || f.truncate || f.every > 0 {
		x.stream(a, f)
		return
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	x.begin(a.status)
	if _, err := x.w.Write(a.body); err == nil {
		x.drain()
	}
}

var padding = strings.Repeat("x", 1000)

// begin sends the status and the headers. The rest of a request whose body was
// not read is read after the answer, not before.
func (x *exchange) begin(status int) {
	if !x.reading || x.tooBig {
		// Unsupported means that there is no connection to keep in order.
		_ = http.NewResponseController(x.w).EnableFullDuplex()
	}
	x.w.WriteHeader(status)
}

// drain reads what is left of the request. If it were left to the connection's
// close, a client that is still writing would see a reset and not the answer.
func (x *exchange) drain() {
	if _, inMemory := x.w.(*memoryWriter); inMemory || x.reading && !x.tooBig {
		return
	}
	if err := http.NewResponseController(x.w).Flush(); err == nil {
		_, _ = io.CopyN(io.Discard, x.r.Body, maxDrain) // the answer is out; nothing can be done about an error
	}
}

// stream answers with a body that does not come at once, or not to an end.
func (x *exchange) stream(a answer, f Fault) {
	body, chunk := a.body, 32<<10
	if f.every > 0 {
		chunk = 1
	}
	if f.truncate {
		x.w.Header().Set("Content-Length", strconv.Itoa(max(len(body), 1)))
		body = body[:len(body)/2]
	}
	x.begin(a.status)
	controller := http.NewResponseController(x.w)
	_ = controller.Flush() // a client that left shows when writing
	filler := bytes.Repeat([]byte(" "), chunk)
	for {
		p := body[:min(chunk, len(body))]
		body = body[len(p):]
		if len(p) == 0 {
			if !f.endless || f.truncate {
				break
			}
			p = filler
		}
		if f.every > 0 && !x.sleep(f.every, nil, nil) {
			x.reset()
			return
		}
		if _, err := x.w.Write(p); err != nil {
			return
		}
		_ = controller.Flush()
		select {
		case <-x.s.done:
			x.reset()
			return
		default:
		}
	}
	if f.truncate {
		x.cutOff()
		return
	}
	x.drain()
}

// delegate lets a handler of the user answer.
func (x *exchange) delegate(h http.Handler) {
	r := x.r.Clone(x.r.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	h.ServeHTTP(&noted{x.w, x}, r)
	x.finish(http.StatusOK, "")
}

// noted completes the record when the user's handler answers.
type noted struct {
	http.ResponseWriter
	x *exchange
}

func (n *noted) WriteHeader(status int) {
	if status >= 200 {
		n.x.finish(status, "")
	}
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Write(p []byte) (int, error) {
	n.x.finish(http.StatusOK, "")
	return n.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// reset ends the exchange as if the connection had broken.
func (x *exchange) reset() {
	if m, ok := x.w.(*memoryWriter); ok {
		m.fail(errReset())
		return
	}
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	reset(conn)
}

// refuse ends the exchange as if nobody listened.
func (x *exchange) refuse() {
	if m, ok := x.w.(*memoryWriter); ok {
		m.fail(errRefused())
		return
	}
	x.reset()
}

// cutOff ends an answer that has begun before its end, without losing what was
// written of it.
func (x *exchange) cutOff() {
	if m, ok := x.w.(*memoryWriter); ok {
		m.end(io.ErrUnexpectedEOF)
		return
	}
	panic(http.ErrAbortHandler)
}
