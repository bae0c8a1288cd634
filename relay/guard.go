package main

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// controlHeader is on every request of the command. A page in a browser cannot
// set it without being asked whether it may, which it may not.
const controlHeader = "Altertable-Relay"

// guard keeps out of the loopback's port what a web page makes a browser send: by
// a name that its owner made point here, or from another origin.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !isThisMachine(r.Host):
			http.Error(w, "this relay does not go by that name: use 127.0.0.1 or localhost", http.StatusMisdirectedRequest)
		case len(r.Header["Origin"]) > 0 || isElsewhere(r.Header.Get("Sec-Fetch-Site")):
			http.Error(w, "pages of browsers are refused", http.StatusForbidden)
		case strings.HasPrefix(r.URL.Path, controlPath) && r.Header.Get(controlHeader) == "":
			http.Error(w, "the header "+controlHeader+" is missing: any value", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func isElsewhere(site string) bool { return site != "" && site != "none" && site != "same-origin" }

// isThisMachine reports whether a Host is an address or a name that nobody else
// can make point here.
func isThisMachine(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
