package main

import (
	"net"
	"net/http"
	"strings"
)

// A guard refuses what a web page elsewhere makes a browser send: requests that
// reach the server by a name that somebody else made point here, and requests
// of another origin.
type guard struct{ host string } // the address that the user chose to listen on

func (g guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.known(r.Host) {
			http.Error(w, "this server does not go by that name; -host gives it another", http.StatusMisdirectedRequest)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host || embedded(r.Header) {
			http.Error(w, "requests of other origins are refused", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
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
