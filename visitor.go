package altertable

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// A Visitor is what the browser SDK left in a request's cookie: ids by which
// what a person did before login can be linked to the user.
type Visitor struct {
	AnonymousID string // "anonymous-..." or the older "visitor-..."; may be empty
	DeviceID    string // "device-..."; may be empty
	Consent     Consent
}

// Consent is what a visitor decided about tracking.
type Consent string

const (
	ConsentUnknown Consent = ""
	ConsentGranted Consent = "granted"
	ConsentPending Consent = "pending"
	ConsentDenied  Consent = "denied" // or dismissed
)

// ContextWithVisitor returns a context that carries v, for Track and Identify
// to fill in the ids that their caller left empty. A zero Visitor hides an
// outer one: use it for an Identify of another person than the one whose
// request it is.
func ContextWithVisitor(ctx context.Context, v Visitor) context.Context {
	return withScope(ctx, func(s *scope) { s.visitor = v })
}

// VisitorFromContext returns the visitor that ctx carries, and whether there is one.
func VisitorFromContext(ctx context.Context) (Visitor, bool) {
	s := scopeOf(ctx)
	if s == nil {
		return Visitor{}, false
	}
	return s.visitor, s.visitor != Visitor{}
}

// fillVisitor fills the ids that the caller left empty from the visitor in ctx.
func fillVisitor(ctx context.Context, anonymousID, deviceID *string) {
	if *anonymousID != "" && *deviceID != "" {
		return
	}
	if v, ok := VisitorFromContext(ctx); ok {
		if *anonymousID == "" {
			*anonymousID = v.AnonymousID
		}
		if *deviceID == "" {
			*deviceID = v.DeviceID
		}
	}
}

// Middleware puts the visitor of a request, if there is one, into the context
// that next sees. It reads one header and writes nothing; the ResponseWriter is
// passed on as it is. It does not block, and works after Close. On a nil Client
// it returns next.
func (c *Client) Middleware(next http.Handler) http.Handler {
	if c.absent() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, ok := c.Visitor(r); ok {
			r = r.WithContext(ContextWithVisitor(r.Context(), v))
		}
		next.ServeHTTP(w, r)
	})
}

// Bounds on what a stranger can make a server read.
const (
	maxCookieHeader  = 64 << 10
	maxVisitorCookie = 4 << 10 // what browsers store at most
	maxVisitorID     = 256
)

// Visitor returns what the browser SDK's cookie in r says of the visitor, and
// whether it says anything. The cookie is "atbl.KEY.ENVIRONMENT", of the
// client's environment and the key of WithVisitorKey. Scripts and the visitor
// can write it, so it is a hint and no proof: it is used only if it is there
// once, says that the visitor agreed to tracking, and holds ids of the browser
// SDK's forms. Who the user is, is never taken from it. It does not block, and works after Close.
func (c *Client) Visitor(r *http.Request) (Visitor, bool) {
	if c.absent() || r == nil {
		return Visitor{}, false
	}
	value, ok := findCookie(r.Header["Cookie"], *c.cfg.visitorCookie)
	if !ok {
		return Visitor{}, false
	}
	return parseVisitor(value)
}

// findCookie returns the value of the one cookie of that name. It reads the
// header itself because net/http drops names with a space, an "@" or a
// character outside ASCII, all of which an environment may have.
func findCookie(header []string, name string) (value string, found bool) {
	left := maxCookieHeader
	for _, line := range header {
		if left -= len(line); left < 0 {
			return "", false
		}
		for line != "" {
			var cookie string
			cookie, line, _ = strings.Cut(line, ";")
			cookie = strings.TrimLeft(cookie, " \t")
			if len(cookie) <= len(name) || cookie[len(name)] != '=' || cookie[:len(name)] != name {
				continue
			}
			if found {
				return "", false // one of them was planted, and who knows which
			}
			value, found = strings.TrimRight(cookie[len(name)+1:], " \t"), true
		}
	}
	return value, found
}

func parseVisitor(value string) (Visitor, bool) {
	if len(value) > maxVisitorCookie {
		return Visitor{}, false
	}
	text, err := url.PathUnescape(strings.Trim(value, `"`)) // as net/http, which allows quotes
	if err != nil {
		return Visitor{}, false
	}
	var members map[string]json.RawMessage // unlike a struct, it tells the case of names
	if json.Unmarshal([]byte(text), &members) != nil || stringValue(members["trackingConsent"]) != "granted" {
		return Visitor{}, false
	}
	anonymousID := stringValue(members["anonymousId"])
	v := Visitor{
		AnonymousID: knownID(anonymousID, "anonymous-", "visitor-"),
		DeviceID:    knownID(stringValue(members["deviceId"]), "device-"),
	}
	if anonymousID == "" {
		// Before login the visitor's id is the distinct one. After it, that is the user's.
		v.AnonymousID = knownID(stringValue(members["distinctId"]), "anonymous-")
	}
	return v, v != Visitor{}
}

// knownID returns id if it has one of the prefixes and looks harmless, or "".
func knownID(id string, prefixes ...string) string {
	if len(id) > maxVisitorID {
		return ""
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	for _, prefix := range prefixes {
		if strings.HasPrefix(id, prefix) && len(id) > len(prefix) {
			return id
		}
	}
	return ""
}

// WithVisitorHeader names a request header that Visitor reads where there is no cookie.
func WithVisitorHeader(name string) Option {
	return func(cfg *config) error { cfg.visitorHeader = name; return nil }
}

// WithConsentRequired discards messages of visitors who did not agree.
func WithConsentRequired() Option {
	return func(cfg *config) error { cfg.consentRequired = true; return nil }
}

// WithPropertiesFunc asks f for properties at each Track.
func WithPropertiesFunc(f func(context.Context) Properties) Option {
	return func(cfg *config) error { cfg.propertiesFunc = f; return nil }
}

// WithRequestProperties has Middleware give events the request's properties.
func WithRequestProperties() Option {
	return func(cfg *config) error { cfg.requestProperties = true; return nil }
}
