package altertable

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	maxAnswerBytes       = 64 << 10
	maxAnswerHeaderBytes = 64 << 10
)

// transport makes single HTTP attempts. It does not change after newTransport.
type transport struct {
	client  *http.Client
	pool    *http.Transport // nil if the client is the user's
	urls    [3]string       // by endpoint
	header  http.Header     // of every request, the key included
	key     string
	timeout time.Duration // of one attempt, the answer included
}

func newTransport(cfg *config) *transport {
	t := &transport{timeout: cfg.timeout, header: http.Header{}, key: *cfg.key}
	for ep := range t.urls {
		t.urls[ep] = cfg.baseURL.JoinPath(endpoint(ep).String()).String()
	}
	t.header.Set("Content-Type", "application/json")
	t.header.Set("Accept", "application/json")
	t.header.Set("User-Agent", "altertable-go/"+Version)
	if cfg.bearer {
		t.header.Set("Authorization", "Bearer "+*cfg.key)
	} else {
		t.header.Set("X-API-Key", *cfg.key)
	}
	if cfg.httpClient == nil {
		t.pool = newPool(cfg.maxInFlight)
		t.client = &http.Client{Transport: lastStop{t.pool}}
		return t
	}
	own := *cfg.httpClient
	if own.Transport == nil {
		own.Transport = http.DefaultTransport
	}
	own.Transport = lastStop{own.Transport}
	if own.Timeout > 0 {
		t.timeout = min(t.timeout, own.Timeout)
		own.Timeout = 0 // the request's context ends it
	}
	t.client = &own
	return t
}

// newPool returns a transport that keeps a connection for every request that
// may be in flight, and writes a usual batch with one system call. It takes
// nothing from http.DefaultTransport, which applications replace by wrappers
// and stop from verifying certificates.
func newPool(maxInFlight int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    maxInFlight,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeaderBytes,
		DisableCompression:     true,
		WriteBufferSize:        64 << 10,
	}
}

// lastStop is a RoundTripper whose redirects lead nowhere. CheckRedirect alone
// would not do: net/http reads the Location first, and fails if it is malformed.
type lastStop struct{ inner http.RoundTripper }

func (s lastStop) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.inner.RoundTrip(r)
	if err != nil || answer == nil || answer.Header.Get("Location") == "" {
		return answer, err
	}
	last := *answer
	last.Header = answer.Header.Clone()
	last.Header.Del("Location")
	return &last, nil
}

// close gives up idle connections, unless they are the user's.
func (t *transport) close() {
	if t.pool != nil {
		t.pool.CloseIdleConnections()
	}
}

// post makes one attempt to send b. The error is nil if the server took the
// messages, an *APIError if it did not, a *NetworkError if it is not known. It
// always closes b, if not before it returns then when net/http has read it.
func (t *transport) post(ctx context.Context, ep endpoint, synchronous bool, b *body) (_ *Response, err error) {
	defer func() {
		if recover() != nil { // a RoundTripper is the user's code
			err = &NetworkError{errNoAnswer}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.urls[ep], b)
	if err != nil {
		return nil, &NetworkError{err}
	}
	if synchronous {
		request.URL.RawQuery = "sync=true"
	}
	request.Header = t.header.Clone()
	request.ContentLength = int64(b.size())
	// net/http takes a second body when it knows that it wrote nothing of the
	// first one, on a connection that the server had closed.
	request.GetBody = func() (io.ReadCloser, error) { return b.again(), nil }
	answer, err := t.client.Do(request)
	if err != nil {
		return nil, &NetworkError{bare(ctx, err)}
	}
	closeBody := sync.OnceFunc(func() {
		defer func() { _ = recover() }() // it is the user's code too
		_ = answer.Body.Close()
	})
	defer closeBody()
	// A body may not heed the context: a user's, or a connection after a 101.
	defer context.AfterFunc(ctx, closeBody)()
	return readAnswer(answer, t.key)
}

// bare takes the *url.Error off err, whose text repeats the URL, and prefers
// the context's own error to a transport's rendering of it.
func bare(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

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
// would be stored twice if sent again. A code or message that quotes the key loses it.
func readAnswer(answer *http.Response, key string) (*Response, error) {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswerBytes))
	a := parseAnswer(text)
	if len(key) >= minSecret {
		a.code = strings.ReplaceAll(a.code, key, "REDACTED")
		a.message = strings.ReplaceAll(a.message, key, "REDACTED")
	}
	success := answer.StatusCode >= 200 && answer.StatusCode <= 299
	if success && !a.refused {
		return &Response{OK: true, TaskID: a.taskID, ErrorCode: a.code}, nil
	}
	return nil, &APIError{
		StatusCode: answer.StatusCode,
		Code:       a.code,
		Message:    a.message,
		RetryAfter: parseRetryAfter(answer.Header.Get("Retry-After"), time.Now()),
		Body:       text,
	}
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
		a.code = firstOf(a.code, stringValue(nested["code"]))
		a.message = firstOf(a.message, stringValue(nested["message"]))
	}
	a.code = firstOf(a.code, stringValue(members["error"]))
	return a
}

// stringValue returns the string that raw holds, or "".
func stringValue(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

var errNoAnswer = errors.New("the HTTP client returned no answer")
