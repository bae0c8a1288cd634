package drain

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	altertable "github.com/altertable-ai/altertable-go"
)

// heed takes note of an answer that ends more than its own request, before the core
// learns of it. Else the core would send what comes next at once, and if the trouble were over at that
// very moment, a person's later identify would be applied before the refused one.
func (f *fence) heed(r *http.Request, answer *http.Response) {
	if answer.StatusCode < 300 || answer.StatusCode == http.StatusForbidden && answer.ContentLength == 0 {
		return
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil {
		return
	}
	code := codeIn(text)
	switch verdictOf(answer.StatusCode, code) {
	case missing:
		if name := environmentIn(r); name != "" {
			f.s.d.missing.note(name)
		}
	case account:
		f.s.pause(&altertable.APIError{StatusCode: answer.StatusCode, Code: code})
	}
}

// recall answers a request whose environment is known to be missing, nil if it is not.
func (f *fence) recall(r *http.Request) *http.Response {
	if !f.s.d.missing.any() || !f.s.d.missing.has(environmentIn(r)) {
		return nil
	}
	const text = `{"error_code":"` + reasonEnvironment + `"}`
	return &http.Response{
		StatusCode: http.StatusUnprocessableEntity, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)),
		ContentLength: int64(len(text)), Request: r,
	}
}

// environmentIn returns the environment of a request's messages, which share it, ""
// if it cannot be found.
func environmentIn(r *http.Request) string {
	if r.GetBody == nil {
		return ""
	}
	body, err := r.GetBody()
	if err != nil {
		return ""
	}
	defer func() { _ = body.Close() }()
	var first json.RawMessage
	d := json.NewDecoder(body)
	if _, err := d.Token(); err != nil {
		return ""
	}
	if d.Decode(&first) != nil {
		return ""
	}
	return environmentOf(first)
}

// environmentOf returns the environment that an event names, or the one that the core
// gives it.
func environmentOf(event []byte) string {
	var members map[string]json.RawMessage // a struct's field would take names in another case, too
	name := ""
	if json.Unmarshal(event, &members) != nil || json.Unmarshal(members["environment"], &name) != nil || name == "" {
		return "production"
	}
	return name
}

// codeIn returns the error's code in an answer, "" if there is none.
func codeIn(text []byte) string {
	var answer struct {
		ErrorCode any `json:"error_code"`
		Error     any `json:"error"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return ""
	}
	code, _ := answer.ErrorCode.(string)
	whole, _ := answer.Error.(string)
	nested, _ := answer.Error.(map[string]any)
	inner, _ := nested["code"].(string)
	return cmp.Or(code, inner, whole)
}
