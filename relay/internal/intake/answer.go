package intake

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
)

// An answer is what the API says, or what a relay says besides.
type answer struct {
	status     int
	json       bool // else text/plain, if there is a body
	body       string
	retryAfter int // seconds; 0: none
	allow      string
	leave      bool // the connection ends
}

func plainText(status int, text string) answer { return answer{status: status, body: text} }

func methodNotAllowed() answer {
	return answer{status: http.StatusMethodNotAllowed, body: "method not allowed", allow: http.MethodPost}
}

// failed is the API's shape of a failure.
func failed(status int, code string) answer {
	return answer{status: status, json: true, body: `{"ok":false,"error_code":` + quote(code) + `}`}
}

// stored is the API's shape of a success.
func stored(task string) answer {
	if task == "" {
		return answer{status: http.StatusOK, json: true, body: `{"ok":true,"error_code":null}`}
	}
	return answer{status: http.StatusOK, json: true, body: `{"ok":true,"task_id":` + quote(task) + `,"error_code":null}`}
}

func quote(text string) string {
	if text == "" {
		return "null"
	}
	quoted, _ := json.Marshal(text) // a string never fails
	return string(quoted)
}

// Codes of a 503.
const (
	unavailable = "unavailable" // cannot be stored now
	full        = "full"        // the stream or the disk
)

// later is a 503. What many clients get at once does not bring them back at once.
func later(code string) answer {
	least, most := 1, 5
	if code == full {
		least, most = 15, 30
	}
	a := failed(http.StatusServiceUnavailable, code)
	a.retryAfter = least + rand.IntN(most-least+1)
	return a
}

// header writes the answer's headers.
func (a *answer) header(h http.Header) {
	switch {
	case a.json:
		h.Set("Content-Type", "application/json")
	case a.body != "":
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
	}
	if a.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if a.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	if a.allow != "" {
		h.Set("Allow", a.allow)
	}
	if a.leave {
		h.Set("Connection", "close")
	}
}
