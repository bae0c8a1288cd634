package intake

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Transport reaches the intake without a socket and without a token, as the
// tenant: what a spool holds goes this way. It returns when the request's context
// ends, and never before it has the answer otherwise.
func (i *Intake) Transport(tenant string) http.RoundTripper {
	for n := range i.tenants {
		if i.tenants[n].Name == tenant {
			return &transport{i, &i.tenants[n]}
		}
	}
	return &transport{i, nil}
}

type transport struct {
	i      *Intake
	tenant *tenant // nil: there is none of that name
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	ready := make(chan result, 1)
	go func() {
		defer func() { _ = r.Body.Close() }()
		ready <- t.handle(r)
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case done := <-ready:
		if done.panicked {
			return nil, errors.New("altertable-relay: intake panicked")
		}
		return done.answer.response(r), nil
	}
}

type result struct {
	answer   answer
	panicked bool
}

// handle answers a request as ServeHTTP does.
func (t *transport) handle(r *http.Request) (done result) {
	x := &exchange{i: t.i, r: r, tenant: t.tenant, start: time.Now()}
	defer func() {
		if v := recover(); v != nil {
			t.i.logPanic(v)
			done.panicked = true
			done.answer.status = http.StatusInternalServerError
		}
		x.status = done.answer.status
		x.count()
	}()
	endpoint, ok := endpointOf(r.URL.Path)
	switch {
	case !ok:
		return result{answer: plainText(http.StatusNotFound, "not found")}
	case r.Method != http.MethodPost:
		return result{answer: methodNotAllowed()}
	case t.tenant == nil:
		return result{answer: answer{status: http.StatusUnauthorized}}
	}
	x.endpoint = endpoint
	return result{answer: x.admitted()}
}

// response is the answer as a client of net/http gets it.
func (a *answer) response(r *http.Request) *http.Response {
	h := http.Header{}
	a.header(h)
	h.Del("Connection")
	return &http.Response{
		Status:     strconv.Itoa(a.status) + " " + http.StatusText(a.status),
		StatusCode: a.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)),
		Request: r,
	}
}
