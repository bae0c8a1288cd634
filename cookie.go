package altertable

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Bounds on what a stranger can make a server read.
const (
	maxCookieHeader  = 64 << 10
	maxVisitorCookie = 4 << 10 // what browsers store at most
	maxVisitorID     = 256
)

// A sighting is why a request's visitor was read or not, in the words of the log.
type sighting string

const (
	visitorRead       sighting = ""
	noCookie          sighting = "no cookie"
	otherKey          sighting = "cookie of another key only"
	otherEnvironment  sighting = "cookie of another environment only"
	otherBoth         sighting = "cookie of another key and environment only"
	visitorRepeated   sighting = "repeated"
	cookiesTooLarge   sighting = "cookies too large"
	visitorUnreadable sighting = "unreadable"
	consentUnknown    sighting = "consent unknown"
	consentPending    sighting = "consent pending"
	consentDenied     sighting = "consent denied"
	noUsableID        sighting = "no usable id"
)

// Where a visitor is looked for, in the words of the log.
const (
	inCookie = "cookie"
	inHeader = "header"
)

// cookiePrefix is what the names of the browser SDK's cookies begin with.
const cookiePrefix = "atbl."

// isOfOthers reports whether the browser SDK runs, but under another name than
// the client looks for.
func (s sighting) isOfOthers() bool {
	return s == otherKey || s == otherEnvironment || s == otherBoth
}

// readVisitor looks for the visitor in r, and says how that went and where.
func (c *Client) readVisitor(r *http.Request) (v Visitor, how sighting, where string) {
	value, how := c.cfg.findCookie(r.Header["Cookie"])
	if how == visitorRead {
		v, how = parseVisitor(value)
		return v, how, inCookie
	}
	if name := c.cfg.visitorHeader; name != "" && (how == noCookie || how.isOfOthers()) {
		switch values := r.Header[name]; len(values) {
		case 0:
		case 1:
			v, how = parseVisitor(values[0])
			return v, how, inHeader
		default:
			return Visitor{}, visitorRepeated, inHeader
		}
	}
	return Visitor{}, how, inCookie
}

// findCookie returns the value of the one cookie with the client's name. It reads
// the header itself because net/http drops names with a space, an "@" or a
// character outside ASCII, all of which an environment may have.
func (cfg *config) findCookie(header []string) (value string, how sighting) {
	name := *cfg.visitorCookie
	left := maxCookieHeader
	how = noCookie
	for _, line := range header {
		if left -= len(line); left < 0 {
			return "", cookiesTooLarge
		}
		for line != "" {
			var cookie string
			cookie, line, _ = strings.Cut(line, ";")
			cookie = strings.TrimLeft(cookie, " \t")
			if len(cookie) <= len(name) || cookie[len(name)] != '=' || cookie[:len(name)] != name {
				if how == noCookie && strings.HasPrefix(cookie, cookiePrefix) {
					how = cfg.whoseCookie(cookie)
				}
				continue
			}
			if how == visitorRead {
				return "", visitorRepeated // one of them was planted, and who knows which
			}
			value, how = strings.TrimRight(cookie[len(name)+1:], " \t"), visitorRead
		}
	}
	return value, how
}

// whoseCookie says how the name of a browser SDK's cookie differs from the client's.
func (cfg *config) whoseCookie(cookie string) sighting {
	name, _, ok := strings.Cut(cookie, "=")
	if !ok {
		return noCookie
	}
	name = strings.TrimPrefix(name, cookiePrefix)
	if rest, ok := strings.CutPrefix(name, *cfg.visitorKey); ok && strings.HasPrefix(rest, ".") {
		return otherEnvironment
	}
	if rest, ok := strings.CutSuffix(name, cfg.environment); ok && strings.HasSuffix(rest, ".") {
		return otherKey
	}
	return otherBoth
}

// parseVisitor returns what the cookie's value says, the ids only with the
// visitor's consent.
func parseVisitor(value string) (Visitor, sighting) {
	if len(value) > maxVisitorCookie {
		return Visitor{}, visitorUnreadable
	}
	text, err := url.PathUnescape(strings.Trim(value, `"`)) // as net/http, which allows quotes
	if err != nil {
		return Visitor{}, visitorUnreadable
	}
	var members map[string]json.RawMessage // unlike a struct, it tells the case of names
	if json.Unmarshal([]byte(text), &members) != nil {
		return Visitor{}, visitorUnreadable
	}
	v := Visitor{Consent: consentOf(stringValue(members["trackingConsent"]))}
	switch v.Consent {
	case ConsentGranted:
	case ConsentPending:
		return v, consentPending
	case ConsentDenied:
		return v, consentDenied
	default:
		return v, consentUnknown
	}
	anonymousID := stringValue(members["anonymousId"])
	v.AnonymousID = knownID(anonymousID, "anonymous-", "visitor-")
	v.DeviceID = knownID(stringValue(members["deviceId"]), "device-")
	if anonymousID == "" {
		// Before login the visitor's id is the distinct one. After it, that is the user's.
		v.AnonymousID = knownID(stringValue(members["distinctId"]), "anonymous-")
	}
	if !v.hasID() {
		return v, noUsableID
	}
	return v, visitorRead
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
