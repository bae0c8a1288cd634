package server

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A guard refuses what a web page elsewhere makes a browser send: requests that
// reach the server by a name that somebody else made point here, and requests
// of other origins, except events of pages that -origin names.
type guard struct {
	host    string    // the address that the user chose to listen on
	url     string    // the console's address
	origins []string  // whose pages may send events
	refused *refusals // nil tells nobody
}

func (g guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ingests(r.URL.Path) {
			w.Header().Set("Vary", "Origin")
		}
		if !g.known(r.Host) {
			g.refuse(w, r, http.StatusMisdirectedRequest, "this server does not go by that name: use "+g.url+", also as the Host that a proxy sends, or choose a name with -host")
			return
		}
		if g.lets(r) {
			g.serve(w, r, next)
			return
		}
		if reason := g.objection(r); reason != "" {
			g.refuse(w, r, http.StatusForbidden, reason)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ingests reports whether a path is one of those to which messages are sent.
func ingests(path string) bool { return path == "/track" || path == "/identify" || path == "/alias" }

// lets reports whether a page of an origin that was named with -origin sends
// messages, or asks beforehand whether it may.
func (g guard) lets(r *http.Request) bool {
	origin := r.Header["Origin"]
	if len(origin) != 1 || !slices.Contains(g.origins, origin[0]) || !ingests(r.URL.Path) {
		return false
	}
	return r.Method == http.MethodPost || r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// serve lets the page read every answer, a refusal or a fault as well. A beacon
// of a page that is left carries credentials, so they have to be allowed.
func (g guard) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	h.Set("Access-Control-Allow-Credentials", "true")
	if r.Method == http.MethodPost {
		next.ServeHTTP(w, r)
		return
	}
	h.Set("Access-Control-Allow-Methods", http.MethodPost)
	h.Set("Access-Control-Allow-Headers", "content-type, x-api-key, authorization")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// objection returns why a request of a page elsewhere is refused, or "" if it
// is none.
func (g guard) objection(r *http.Request) string {
	origin := r.Header["Origin"]
	switch {
	case len(origin) > 1:
		return "requests with several origins are refused"
	case len(origin) == 1 && origin[0] != "" && origin[0] != "http://"+r.Host:
		return g.refusal(origin[0], r.URL.Path)
	case embedded(r.Header):
		return "what pages of other sites embed, such as an image or a frame, is refused"
	}
	return ""
}

func (g guard) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	if !ingests(r.URL.Path) {
		fail(w, status, "forbidden", reason)
		return
	}
	g.refused.show(r, status, reason)
	http.Error(w, reason, status)
}

// refusals shows in the console which messages were refused before they reached
// the API: a page is not told why.
type refusals struct {
	observe func(altertabletest.Change)

	mu   sync.Mutex
	next time.Time // guarded by mu
}

// show tells of one request a second, so that a page elsewhere cannot fill the
// console.
func (f *refusals) show(r *http.Request, status int, reason string) {
	if f == nil {
		return
	}
	now := time.Now()
	f.mu.Lock()
	tell := !now.Before(f.next)
	if tell {
		f.next = now.Add(time.Second)
	}
	f.mu.Unlock()
	if !tell {
		return
	}
	header := http.Header{} // without keys and cookies
	for _, name := range []string{"Origin", "Content-Type", "User-Agent"} {
		if value := r.Header.Get(name); value != "" {
			header.Set(name, value)
		}
	}
	f.observe(altertabletest.Change{Request: &altertabletest.Request{
		Method: r.Method,
		Host:   r.Host,
		Path:   r.URL.Path,
		Header: header,
		Status: status,
		Reason: reason,
		Start:  now.UTC().Round(0),
	}})
}

// embedded reports whether a page elsewhere loads this as a part of it, an image
// say, for which browsers send no Origin. A link to the console is none.
func embedded(h http.Header) bool {
	switch h.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return h.Get("Sec-Fetch-Mode") != "navigate" || h.Get("Sec-Fetch-Dest") != "document"
	}
	return false
}

func (g guard) known(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport // without a port
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.EqualFold(host, g.host) {
		return host != ""
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return false
	}
	// A name that was made to point here is no address. So whoever listens on
	// every address may be called by any.
	chosen := net.ParseIP(g.host)
	return ip.IsLoopback() || g.host == "" || chosen != nil && (chosen.IsUnspecified() || chosen.Equal(ip))
}
