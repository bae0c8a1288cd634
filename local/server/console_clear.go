package server

import "net/http"

// clear forgets events, identities and requests everywhere: in the API's server,
// which tells the hub and the database.
func (c console) clear(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		refuse(w, "there are no parameters")
		return
	}
	c.api.Reset()
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
