package intake

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// An exchange is one request on its way. One goroutine owns it.
type exchange struct {
	i         *Intake
	w         http.ResponseWriter // nil in memory
	r         *http.Request
	start     time.Time
	endpoint  string  // "" until it is known
	tenant    *tenant // nil until it is known
	address   netip.Addr
	isRead    bool // the body, to its end
	isInside  bool // Close waits for it
	isBrowser bool // its token is one of browsers
	status    int  // of the answer; 0: none yet
}

// answer handles the request as the API does.
func (x *exchange) answer() answer {
	endpoint, ok := endpointOf(x.r.URL.Path)
	if !ok {
		return plainText(http.StatusNotFound, "not found")
	}
	x.endpoint = endpoint
	if isPreflight(x.r) {
		return x.preflight()
	}
	x.allowOrigin(x.i.origins[x.r.Header.Get("Origin")])
	if x.r.Method != http.MethodPost {
		return methodNotAllowed()
	}
	number, browser, ok := x.i.access.find(credentials(x.r))
	if !ok {
		return answer{status: http.StatusUnauthorized}
	}
	listed := slices.Contains(x.i.tenants[number].Origins, x.r.Header.Get("Origin"))
	if x.i.tenants[number].AnyToken && !listed && len(x.r.Header["Origin"]) > 0 {
		// No token keeps out a page whose owner made its name point to this machine.
		return answer{status: http.StatusUnauthorized}
	}
	x.tenant, x.isBrowser = &x.i.tenants[number], browser
	x.allowOrigin(listed)
	if browser {
		x.address = x.i.clientAddress(x.r)
	}
	return x.admitted()
}

// admitted handles a request of a tenant.
func (x *exchange) admitted() answer {
	if x.i.isClosed() {
		return x.gone()
	}
	if !isJSON(x.r.Header.Get("Content-Type")) {
		return plainText(http.StatusUnsupportedMediaType, "expected Content-Type: application/json")
	}
	defer func() {
		if x.isInside {
			x.i.inside.Done()
		}
	}()
	outcomes, a := x.receive()
	if outcomes == nil {
		return a
	}
	defer outcomes.close()
	return x.await(outcomes)
}

// receive reads the body and stores its events. If outcomes are to be waited for, it
// returns them, and nothing that others may need is held meanwhile.
func (x *exchange) receive() (*outcomes, answer) {
	b := &buffer{room: &x.i.room, share: x.share()}
	defer b.free()
	if a := x.read(b); a.status != 0 {
		return nil, a
	}
	if x.isInside = x.i.enter(); !x.isInside {
		return nil, x.gone()
	}
	return x.store(b.bytes)
}

// share returns whose memory the request takes.
func (x *exchange) share() *share {
	if x.isBrowser {
		return &x.tenant.browsers
	}
	return &x.tenant.servers
}

func (x *exchange) gone() answer {
	a := later(unavailable)
	a.leave = true
	return a
}

func endpointOf(path string) (string, bool) {
	switch path {
	case "/track", "/identify", "/alias":
		return path[1:], true
	}
	return "", false
}

// isJSON reports whether a content type is application/json, or a JSON format of
// its own, application/...+json.
func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	format, ok := strings.CutPrefix(media, "application/")
	return err == nil && ok && (format == "json" || strings.HasSuffix(format, "+json"))
}

// wantsOutcome reports whether the answer has to wait for the API's.
func wantsOutcome(r *http.Request) bool {
	return r.URL.RawQuery != "" && r.URL.Query().Get("sync") == "true"
}

// How much is read, and how long, of a body that is refused unread: a client that is
// still writing when the connection is closed sees a reset, not the answer.
const (
	maxLinger    = 2 * maxBody
	lingerTime   = 2 * time.Second
	strangerTime = time.Second // for one without a token, of whose body net/http reads 256 KiB
)

// send answers.
func (x *exchange) send(a answer) {
	unread := !x.isRead && x.r.ContentLength != 0
	if unread {
		x.leaveBody(&a)
	}
	a.header(x.w.Header())
	x.status = a.status
	x.w.WriteHeader(a.status)
	if a.status == http.StatusNoContent {
		return
	}
	_, err := io.WriteString(x.w, a.body)
	if err == nil && unread && x.mayLinger() {
		x.linger()
	}
}

// leaveBody makes the answer go out before the rest of the body is read. What
// net/http reads of it after the answer is bounded in bytes, and here in time.
func (x *exchange) leaveBody(a *answer) {
	c := http.NewResponseController(x.w)
	_ = c.EnableFullDuplex() // not supported: nothing is in the way of the answer
	_ = c.SetReadDeadline(time.Now().Add(strangerTime))
	a.leave = true // net/http cannot go on with a connection whose body it reads after the handler
}

// mayLinger reports whether the client may still be writing: one that asked before
// is told not to, and HTTP/2 ends the one stream.
func (x *exchange) mayLinger() bool {
	return x.tenant != nil && x.r.ProtoMajor == 1 && x.r.Header.Get("Expect") == ""
}

// linger reads the rest of the body.
func (x *exchange) linger() {
	c := http.NewResponseController(x.w)
	if c.Flush() != nil || c.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, x.r.Body, maxLinger) // the answer is out
}

// done counts the request. A panic becomes an answer, if there is none yet.
func (x *exchange) done() {
	v := recover()
	if v == nil {
		x.count()
		return
	}
	if v != http.ErrAbortHandler {
		x.i.logPanic(v)
	}
	if v == http.ErrAbortHandler || x.status != 0 {
		x.count()
		panic(http.ErrAbortHandler)
	}
	x.send(failed(http.StatusInternalServerError, "internal-error"))
	x.count()
}

// logPanic says what happened, and no text that may be a value of an event.
func (i *Intake) logPanic(v any) {
	text := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		text = err.Error()
	}
	i.log.Error("intake panicked", "panic", text, "stack", string(debug.Stack()))
}

func (x *exchange) count() {
	name := ""
	if x.tenant != nil {
		name = x.tenant.Name
	}
	x.i.o.Metrics.Answered(name, x.endpoint, x.status, time.Since(x.start))
}
