package altertable

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// A Visitor is what the browser SDK left in a request's cookie: ids by which
// what a person did before login can be linked to the user, and whether the
// person agreed to that.
type Visitor struct {
	AnonymousID string // "anonymous-..." or the older "visitor-..."; may be empty
	DeviceID    string // "device-..."; may be empty
	Consent     Consent
}

func (v Visitor) hasID() bool { return v.AnonymousID != "" || v.DeviceID != "" }

// usable returns v without the ids that cannot be used: those of a visitor who
// did not agree, and those that no call would take or that identify nobody.
func (v Visitor) usable() Visitor {
	if v.Consent.isWithheld() {
		return Visitor{Consent: v.Consent}
	}
	if isNobody(v.AnonymousID) || validateID("", v.AnonymousID) != nil {
		v.AnonymousID = ""
	}
	if isNobody(v.DeviceID) || validateID("", v.DeviceID) != nil {
		v.DeviceID = ""
	}
	return v
}

// link fills in what the caller of a message about distinctID left empty of the
// visitor's ids, unless the caller names another browser than the visitor's.
func (v Visitor) link(distinctID string, anonymousID, deviceID *string) {
	if *anonymousID != "" && *anonymousID != v.AnonymousID || *deviceID != "" && *deviceID != v.DeviceID {
		return
	}
	if v.AnonymousID != distinctID { // else it would say nothing
		*anonymousID = v.AnonymousID
	}
	*deviceID = v.DeviceID
}

// ContextWithVisitor returns a context that carries v, whose ids Track and
// Identify fill in: ContextWithUser says into which messages. It is for
// visitors that come another way than through Middleware. A zero Visitor
// hides an outer one.
//
// Ids of a visitor whose Consent is ConsentPending or ConsentDenied are not
// used; with ConsentUnknown the caller vouches for the consent. An id that no
// message can have, or that is a placeholder like "undefined", is dropped.
func ContextWithVisitor(ctx context.Context, v Visitor) context.Context {
	s := innerScope(ctx)
	s.visitor = v.usable()
	return s.within(ctx)
}

// VisitorFromContext returns the visitor that ctx carries, and whether it has an
// id that can be used. If not, the Visitor has at most a Consent.
func VisitorFromContext(ctx context.Context) (Visitor, bool) {
	s := scopeOf(ctx)
	if s == nil {
		return Visitor{}, false
	}
	return s.visitor, s.visitor.hasID()
}

// Middleware puts the visitor of a request into the context that next sees. Of
// a visitor who did not agree to tracking it puts only the Consent there. With
// WithRequestProperties it puts the request's properties there, too. It reads
// headers and writes nothing; the ResponseWriter is passed on as it is. It does
// not block, and works after Close. On a nil Client it returns next.
//
// If the cookies of the browser SDK in a request are all of another key or
// environment, the log says so, once for a Client: see WithVisitorKey and
// WithEnvironment.
//
// For handlers that are not http.Handlers, as in fasthttp and gRPC, call Visitor
// with &http.Request{Header: ...}, and ContextWithVisitor with what it returns.
func (c *Client) Middleware(next http.Handler) http.Handler {
	if c.absent() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, c.withScope(r))
	})
}

// withScope returns r, or if there is something to say of it a copy whose context says it.
func (c *Client) withScope(r *http.Request) *http.Request {
	v, how, where := c.readVisitor(r)
	c.queue.debugVisitor(how, where)
	if how.isOfOthers() {
		c.queue.warnOfOtherCookies(how)
	}
	if v == (Visitor{}) && !c.cfg.requestProperties {
		return r
	}
	s := innerScope(r.Context())
	if v != (Visitor{}) {
		s.visitor = v
	}
	if c.cfg.requestProperties {
		s.request = newRequest(r)
	}
	return r.WithContext(s.within(r.Context()))
}

// Visitor returns what the browser SDK's cookie in r says of the visitor, and
// whether it holds an id that may be used. Without the visitor's consent it
// returns false and a Visitor that has only the Consent.
//
// The cookie is "atbl.KEY.ENVIRONMENT", of the client's environment and the key
// of WithVisitorKey. Where there is none, the header of WithVisitorHeader is read.
// Scripts and the visitor can write both, so they are a hint and no proof: they
// are used only if they are there once, say that the visitor agreed to tracking,
// and hold ids of the browser SDK's forms. Who the user is, is never taken from
// them. At debug level the log says why a visitor was not read.
//
// It does not block, and works after Close. It reads nothing of r but headers, so
// that other servers than net/http can make one of theirs:
//
//	v, ok := client.Visitor(&http.Request{Header: http.Header{"Cookie": cookies}})
func (c *Client) Visitor(r *http.Request) (Visitor, bool) {
	if c.absent() || r == nil {
		return Visitor{}, false
	}
	v, how, where := c.readVisitor(r)
	c.queue.debugVisitor(how, where)
	return v, how == visitorRead
}

// debugVisitor tells whether a request's visitor was read, or why not. Requests go
// on after Close, but lines do not.
func (q *queue) debugVisitor(how sighting, where string) {
	switch {
	case !q.debugging.Load() || q.isClosing():
	case how == visitorRead:
		q.debug("altertable: visitor read", nil, slog.String("from", where))
	default:
		q.debug("altertable: visitor not read", nil, slog.String("from", where), slog.String("why", string(how)))
	}
}

// warnOfOtherCookies warns that the browser SDK runs under another name than the
// client looks for. A stranger can forge such a cookie, so it is said once only,
// and without the name, which holds a key.
func (q *queue) warnOfOtherCookies(how sighting) {
	if q.otherCookies.Load() || q.checkBubble(time.Now()) != nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown == nil && !q.otherCookies.Swap(true) {
		q.warnLocked(warnVisitorCookie, nil, slog.String("why", string(how)))
	}
}

// WithVisitorHeader names a request header that Visitor and Middleware read where
// the request has no cookie of the browser SDK: for an API on another host than
// the page. Its value is the cookie's, as it stands in document.cookie: JSON,
// URL-encoded, the consent included. Like the cookie it is a hint that anybody
// can write, and it is not used if it is there twice. By default no header is read.
//
// A page of another origin may send the header only if the API's answer to the
// preflight request allows it (Access-Control-Allow-Headers).
func WithVisitorHeader(name string) Option {
	return func(cfg *config) error {
		if !isToken(name) {
			return &ConfigError{"WithVisitorHeader", fmt.Sprintf("must be a header's name, got %q", name)}
		}
		cfg.visitorHeader = http.CanonicalHeaderKey(name)
		return nil
	}
}

// isToken reports whether s can be a header's name.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
