package server

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

const maxStatement = 256 << 10

// queryHandler answers the two forms of a query: {"sql": "..."}, which is the
// console's, and {"statement": "..."}, which is the platform's.
func queryHandler(d *database, a *auth) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, refused := readQuery(w, r)
		var form http.Handler
		if body.isStatement(r) {
			form = lakehouse{d, a, body, refused}
		} else {
			form = a.protect(sqlForm{d, body, refused})
		}
		form.ServeHTTP(w, r)
	})
}

// queryBody has the members of the request that are not null.
type queryBody map[string]json.RawMessage

func (b queryBody) has(name string) bool { return b[name] != nil }

// isStatement tells the forms apart: by the body, and by the credentials where
// the body does not tell.
func (b queryBody) isStatement(r *http.Request) bool {
	if b.has("sql") == b.has("statement") {
		return isBasic(r)
	}
	return b.has("statement")
}

// A refusal is what is wrong with a request before any SQL.
type refusal struct {
	status        int
	code, message string
}

func readQuery(w http.ResponseWriter, r *http.Request) (queryBody, *refusal) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, &refusal{http.StatusUnsupportedMediaType, "unsupported-media-type", "expected Content-Type: application/json"}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxStatement))
	var tooLarge *http.MaxBytesError
	var body queryBody
	switch {
	case errors.As(err, &tooLarge):
		return nil, &refusal{http.StatusRequestEntityTooLarge, "too-large", "the request is larger than 256 KiB"}
	case err != nil:
		return nil, badRequest("the request could not be read")
	case !utf8.Valid(text):
		return nil, badRequest("the request is not UTF-8")
	case json.Unmarshal(text, &body) != nil:
		return nil, badRequest(`the request is not a JSON object; expected {"sql": "..."} or {"statement": "..."}`)
	}
	for name, value := range body {
		if string(value) == "null" {
			delete(body, name)
		}
	}
	if body.has("sql") && body.has("statement") {
		return body, badRequest(`expected {"sql": "..."} or {"statement": "..."}, not both`)
	}
	return body, nil
}

func badRequest(message string) *refusal {
	return &refusal{http.StatusBadRequest, "bad-request", message}
}

// text returns a member that is a statement.
func (b queryBody) text(name string) (string, *refusal) {
	var text string
	if json.Unmarshal(b[name], &text) != nil {
		return "", badRequest(`expected {"` + name + `": "..."}`)
	}
	if strings.ContainsRune(text, 0) { // DuckDB would end there
		return "", badRequest("the statement has a NUL character")
	}
	return text, nil
}

// A sqlForm answers {"sql": "..."} with a result, or with
// {"error": {"code": "...", "message": "..."}}.
type sqlForm struct {
	database *database
	body     queryBody
	refused  *refusal
}

func (f sqlForm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, refused := "", f.refused
	if refused == nil {
		text, refused = f.body.text("sql")
	}
	if refused != nil {
		fail(w, refused.status, refused.code, refused.message)
		return
	}
	found, err := f.database.query(r.Context(), text)
	var own *sqlError
	switch {
	case errors.As(err, &own):
		fail(w, http.StatusBadRequest, own.Code, own.Message)
	case err != nil:
		fail(w, http.StatusInternalServerError, "internal-error", err.Error())
	default:
		// The one who asks has to take the answer in the end.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		answer(w, http.StatusOK, found)
	}
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
