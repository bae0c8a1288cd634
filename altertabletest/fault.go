package altertabletest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A Fault says what happens to a request instead of, or besides, being handled.
// It does nothing until it is given to Server.Next or Server.Always. Faults are
// values: a method returns a changed copy, so they can be combined and shared.
//
// A fault acts in this order: with AfterStoring the request is handled, and its
// answer withheld; then the Delay passes; then a Hang lasts; then the outcome
// comes: the answer, a reset, or a refusal. A client that leaves in the
// meantime ends it, and so do Server.Down and Server.Close, with a reset.
//
// The zero Fault lets a request through, as Pass does.
type Fault struct {
	outcome  outcome
	status   int // 0: the API's own
	header   http.Header
	body     *string // nil: the API's own, or empty with a status
	padding  int     // bytes of extra header
	endless  bool
	truncate bool
	every    time.Duration // between two bytes of the body
	handler  http.Handler

	delay   time.Duration
	hang    bool
	after   bool
	paths   []string
	matches []func(*http.Request, func() []byte) bool
}

type outcome int

const (
	answered outcome = iota
	wasReset
	refused
)

// Pass lets a request through to the API. It serves to leave a request out
// between faults, and with methods that change the API's own answer:
// Pass().Truncate() stores the batch and cuts the answer off.
func Pass() Fault { return Fault{} }

// Status answers with a status and an empty body, unless Body or the like is
// called; the request is not handled. It panics if code is not 200 to 999.
func Status(code int) Fault {
	if code < 200 || code > 999 {
		panic(fmt.Sprintf("altertabletest: Status(%d): want 200 to 999", code))
	}
	return Fault{status: code}
}

// Redirect answers with a redirect (307, 302, ...) to a URL.
func Redirect(code int, url string) Fault { return Status(code).Header("Location", url) }

// Reset resets the connection once the request was read and before anything
// of it is stored. With AfterStoring it does so after: the answer is lost.
func Reset() Fault { return Fault{outcome: wasReset} }

// Refuse refuses the connection, and the request does not show up in
// Server.Requests. A connection over a socket is there before its request, too
// late to refuse it: there the request is reset.
func Refuse() Fault { return Fault{outcome: refused} }

// Hang keeps the client waiting until Rule.Release or Server.ClearFaults lets
// the request go on to the API, or the client leaves.
func Hang() Fault { return Fault{hang: true} }

// Delay lets a request through to the API after a time.
func Delay(d time.Duration) Fault { return Fault{delay: d} }

// Answer lets h answer in the place of the API. It finds the request's body
// unread, up to 2 MiB of it; the request is not stored, unless AfterStoring.
func Answer(h http.Handler) Fault { return Fault{handler: h} }

// Header sets a header of the answer.
func (f Fault) Header(name, value string) Fault {
	f.header = f.header.Clone()
	if f.header == nil {
		f.header = http.Header{}
	}
	f.header.Set(name, value)
	return f
}

// RetryAfter sets the header Retry-After, in whole seconds, rounded up. For its
// other form, a date, use Header.
func (f Fault) RetryAfter(d time.Duration) Fault {
	return f.Header("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
}

// Body sets the body of the answer. Its content type is text/plain, unless
// Header sets another.
func (f Fault) Body(body string) Fault { return f.typed("text/plain; charset=utf-8", body) }

// HTML sets the body of the answer to a page, as a proxy or a login portal
// would send.
func (f Fault) HTML(page string) Fault { return f.typed("text/html; charset=utf-8", page) }

// JSON sets the body of the answer to a JSON text, sent as it is.
func (f Fault) JSON(text string) Fault { return f.typed("application/json", text) }

// ErrorCode sets the body of the answer to the API's own shape,
// {"ok":false,"error_code":"..."}. Status(200).ErrorCode(...) is the API's way
// to fail with a 200.
func (f Fault) ErrorCode(code string) Fault {
	quoted, _ := json.Marshal(code) // a string never fails
	return f.JSON(`{"ok":false,"error_code":` + string(quoted) + `}`)
}

func (f Fault) typed(contentType, body string) Fault {
	f.body = &body
	if f.header.Get("Content-Type") == "" {
		f = f.Header("Content-Type", contentType)
	}
	return f
}

// HugeHeaders adds that many bytes of headers to the answer. A client of
// net/http refuses more than 10 MiB, unless its transport is set otherwise.
func (f Fault) HugeHeaders(bytes int) Fault {
	f.padding = bytes
	return f
}

// Endless makes the answer's body go on with spaces until the client leaves.
func (f Fault) Endless() Fault {
	f.endless = true
	return f
}

// Trickle makes the answer's body come one byte at a time, each after a time.
func (f Fault) Trickle(every time.Duration) Fault {
	f.every = every
	return f
}

// Truncate cuts the connection after half of the answer's body.
func (f Fault) Truncate() Fault {
	f.truncate = true
	return f
}

// Delay puts the outcome off.
func (f Fault) Delay(d time.Duration) Fault {
	f.delay = d
	return f
}

// Hang puts the outcome off until Rule.Release, Server.ClearFaults, or for good.
func (f Fault) Hang() Fault {
	f.hang = true
	return f
}

// AfterStoring makes the API handle the request first and stores what it
// accepts: the outcome then replaces an answer that was earned.
func (f Fault) AfterStoring() Fault {
	f.after = true
	return f
}

// On restricts the fault to requests for one of the paths, "/identify" say.
func (f Fault) On(paths ...string) Fault {
	f.paths = append(slices.Clone(f.paths), paths...)
	return f
}

// Match restricts the fault to requests for which match returns true. It may be
// called for requests that the fault then leaves alone, and concurrently; it
// must not read the body. Restrictions add up.
func (f Fault) Match(match func(*http.Request) bool) Fault {
	f.matches = append(slices.Clone(f.matches), func(r *http.Request, _ func() []byte) bool { return match(r) })
	return f
}

// MatchBody restricts the fault to requests whose body, up to 2 MiB of it,
// match returns true for; it must not change or keep it. Otherwise as Match.
func (f Fault) MatchBody(match func(body []byte) bool) Fault {
	f.matches = append(slices.Clone(f.matches), func(_ *http.Request, body func() []byte) bool { return match(body()) })
	return f
}

func (f Fault) applies(x *exchange) bool {
	if len(f.paths) > 0 && !slices.Contains(f.paths, x.r.URL.Path) {
		return false
	}
	for _, match := range f.matches {
		if !match(x.r, x.read) {
			return false
		}
	}
	return true
}

// passes reports whether the request goes to the API at once.
func (f Fault) passes() bool {
	return f.outcome == answered && f.status == 0 && f.handler == nil && f.delay <= 0 && !f.hang
}
