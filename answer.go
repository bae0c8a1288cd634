package altertable

import (
	"bytes"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// What is read of an answer.
const (
	maxAnswerBytes       = 64 << 10 // of its body, compressed or not
	maxAnswerHeaderBytes = 64 << 10
	maxEncodings         = 3 // a gateway may compress what is compressed already
)

// A Response is the platform's answer to a synchronous call.
type Response struct {
	OK        bool   // the platform did the work
	TaskID    string // empty if the platform named none
	ErrorCode string // empty in an answer of success
}

// minSecret is the length from which on a key in an answer is no coincidence.
const minSecret = 8

// readAnswer reads an answer as far as it goes. A 2xx counts as success even
// if its body is cut off, endless or not JSON: the messages are stored, and
// would be stored twice if sent again. A page is the exception, since the API
// sends none. A code or message that quotes the key loses it.
func readAnswer(answer *http.Response, key string) (*Response, error) {
	text := decode(readMost(answer.Body), answer.Header.Values("Content-Encoding"))
	content := trimStart(text)
	a := parseAnswer(content)
	if len(key) >= minSecret {
		a.code = strings.ReplaceAll(a.code, key, "REDACTED")
		a.message = strings.ReplaceAll(a.message, key, "REDACTED")
	}
	success := answer.StatusCode >= 200 && answer.StatusCode <= 299
	page := success && isPage(content, answer.Header.Get("Content-Type"))
	if success && !a.refused && !page {
		return &Response{OK: true, TaskID: a.taskID, ErrorCode: a.code}, nil
	}
	return nil, &APIError{
		StatusCode: answer.StatusCode,
		Code:       a.code,
		Message:    a.message,
		RetryAfter: parseRetryAfter(answer.Header, time.Now()),
		Body:       text,
		page:       page,
	}
}

// readMost returns what r gives before it fails, up to maxAnswerBytes.
func readMost(r io.Reader) []byte {
	text, _ := io.ReadAll(io.LimitReader(r, maxAnswerBytes))
	return text
}

// decode decompresses an answer's body as far as it goes. Compression was not
// asked for, so what the header says of it may be wrong. A body is gzip if it
// begins like that, and deflate if the header says so and it is not JSON. Any
// other body comes back as it is.
func decode(text []byte, encodings []string) []byte {
	named := strings.Contains(strings.ToLower(strings.Join(encodings, ",")), "deflate")
	for range maxEncodings {
		switch {
		case bytes.HasPrefix(text, []byte("\x1f\x8b")):
			text = gunzip(text)
		case named && !json.Valid(trimStart(text)):
			text, named = inflate(text), false
		default:
			return text
		}
	}
	return text
}

func gunzip(text []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil // cut off in its header
	}
	return readMost(r)
}

// inflate takes both that go by the name of deflate: zlib, as HTTP defines it,
// and the bare stream.
func inflate(text []byte) []byte {
	if r, err := zlib.NewReader(bytes.NewReader(text)); err == nil {
		if inflated := readMost(r); len(inflated) > 0 {
			return inflated
		}
	}
	if inflated := readMost(flate.NewReader(bytes.NewReader(text))); len(inflated) > 0 {
		return inflated
	}
	return text
}

// trimStart takes white space and byte order marks off the beginning.
func trimStart(text []byte) []byte {
	return bytes.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '\uFEFF' })
}

// isPage reports whether content, trimmed, is HTML. Gateways send JSON and
// short texts as text/html too.
func isPage(content []byte, contentType string) bool {
	if i := strings.IndexAny(contentType, ";,"); i >= 0 {
		contentType = contentType[:i]
	}
	switch strings.ToLower(strings.TrimSpace(contentType)) {
	case "text/html", "application/xhtml+xml":
		return bytes.HasPrefix(content, []byte("<"))
	}
	return false
}

// answerFields are what any of the known shapes of an answer says.
type answerFields struct {
	refused bool // it says "ok": false
	taskID  string
	code    string
	message string
}

// parseAnswer reads the shapes that the platform's documents and SDKs know:
//
//	{"ok": true, "task_id": "...", "error_code": null}
//	{"ok": false, "error_code": "..."}
//	{"error": "code", "message": "..."}
//	{"error": {"code": "...", "message": "..."}}
//	{"error_code": "...", "message": "..."}
//
// Text that is none of them says nothing.
func parseAnswer(text []byte) answerFields {
	if len(text) == 0 {
		return answerFields{}
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return answerFields{}
	}
	a := answerFields{
		refused: string(members["ok"]) == "false",
		taskID:  stringValue(members["task_id"]),
		code:    stringValue(members["error_code"]),
		message: stringValue(members["message"]),
	}
	var nested map[string]json.RawMessage
	if json.Unmarshal(members["error"], &nested) == nil {
		a.code = cmp.Or(a.code, stringValue(nested["code"]))
		a.message = cmp.Or(a.message, stringValue(nested["message"]))
	}
	a.code = cmp.Or(a.code, stringValue(members["error"]))
	return a
}

// stringValue returns the string that raw holds, or "".
func stringValue(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
