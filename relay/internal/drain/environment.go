package drain

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"

	altertable "github.com/altertable-ai/altertable-go"
)

// A missing is what the API answered to a request whose environment does not exist.
type missing struct {
	status int
	text   []byte
}

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
	case absent:
		if name := environmentIn(r); name != "" {
			f.blockEnvironment(name, missing{answer.StatusCode, text})
		}
	case account:
		f.s.pause(&altertable.APIError{StatusCode: answer.StatusCode, Code: code})
	}
}

func (f *fence) blockEnvironment(name string, answer missing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.missing == nil {
		f.missing = map[string]missing{}
	}
	f.missing[name] = answer
	f.someMissing.Store(true)
}

// recall answers a request as the API has answered another of its environment.
func (f *fence) recall(r *http.Request) *http.Response {
	if !f.someMissing.Load() {
		return nil
	}
	name := environmentIn(r)
	f.mu.Lock()
	answer, ok := f.missing[name]
	f.mu.Unlock()
	if !ok {
		return nil
	}
	return &http.Response{
		StatusCode: answer.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(answer.text)),
		ContentLength: int64(len(answer.text)), Request: r,
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
	var named struct {
		Environment string `json:"environment"`
	}
	if json.Unmarshal(event, &named) != nil || named.Environment == "" {
		return "production"
	}
	return named.Environment
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
