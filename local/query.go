package main

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"time"
)

const maxStatement = 256 << 10

// queryHandler answers {"sql": "..."} with a result, or with
// {"error": {"code": "...", "message": "..."}}.
func queryHandler(d *database) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
			fail(w, http.StatusUnsupportedMediaType, "unsupported-media-type", "expected Content-Type: application/json")
			return
		}
		var body struct {
			SQL *string `json:"sql"`
		}
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxStatement)).Decode(&body)
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			fail(w, http.StatusRequestEntityTooLarge, "too-large", "the request is larger than 256 KiB")
			return
		case err != nil || body.SQL == nil:
			fail(w, http.StatusBadRequest, "bad-request", `expected {"sql": "..."}`)
			return
		}
		found, err := d.query(r.Context(), *body.SQL)
		var refused *sqlError
		switch {
		case errors.As(err, &refused):
			fail(w, http.StatusBadRequest, refused.Code, refused.Message)
		case err != nil:
			fail(w, http.StatusInternalServerError, "internal-error", err.Error())
		default:
			// The one who asks has to take the answer in the end.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
			answer(w, http.StatusOK, found)
		}
	})
}

func fail(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]sqlError{"error": {code, message}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have left
}
