package intake

import (
	"net/http"
	"slices"
)

// isPreflight reports whether a browser asks if a page may send.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// mayAsk reports whether a page of the request's origin may send to any tenant, or
// to the one whose token is in the URL: a preflight has no other.
func (x *exchange) mayAsk() bool {
	origin := x.r.Header.Get("Origin")
	if token := x.r.URL.Query().Get("apiKey"); token != "" {
		tenant, _, ok := x.i.access.find(token)
		return ok && slices.Contains(x.i.tenants[tenant].Origins, origin)
	}
	return x.i.origins[origin]
}

// allowOrigin lets the page read the answer, if its origin is listed: by any
// tenant while the request's is not known.
func (x *exchange) allowOrigin(listed bool) {
	if len(x.i.origins) == 0 || x.w == nil {
		return
	}
	h, origin := x.w.Header(), x.r.Header.Get("Origin")
	h.Set("Vary", "Origin") // also without one: a cache must not give that answer to a page
	if origin == "" || !listed {
		h.Del("Access-Control-Allow-Origin")
		h.Del("Access-Control-Allow-Credentials")
		h.Del("Access-Control-Expose-Headers")
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true") // a beacon is sent with them
	h.Set("Access-Control-Expose-Headers", "Retry-After")
}

// preflight answers a page that asks.
func (x *exchange) preflight() answer {
	if !x.mayAsk() {
		x.allowOrigin(false)
		return methodNotAllowed()
	}
	x.allowOrigin(true)
	h := x.w.Header()
	h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", http.MethodPost)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-API-Key")
	h.Set("Access-Control-Max-Age", "7200")
	return answer{status: http.StatusNoContent}
}
