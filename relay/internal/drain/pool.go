package drain

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// A pool has a drain's connections to the API. It outlives sessions. After a request
// that failed or was answered 5xx the next ones dial anew: a connection may be dead,
// or the backend behind it.
type pool struct {
	given http.RoundTripper // nil: its own
	size  int

	mu      sync.Mutex      // guards current
	current *http.Transport // nil if given
}

func newPool(given http.RoundTripper, size int) *pool {
	p := &pool{given: given, size: size}
	if given == nil {
		p.current = newTransport(size)
	}
	return p
}

func newTransport(size int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = size, size
	t.IdleConnTimeout = 90 * time.Second
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second}
	return t
}

// roundTrip makes one attempt, and reads the answer.
func (p *pool) roundTrip(r *http.Request) (*http.Response, error) {
	if p.given != nil {
		answer, err := p.given.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		return answer, readWhole(answer)
	}
	p.mu.Lock()
	t := p.current
	p.mu.Unlock()
	answer, err := t.RoundTrip(r)
	if err == nil {
		err = readWhole(answer)
	}
	if err != nil || answer.StatusCode >= 500 || answer.StatusCode == http.StatusMisdirectedRequest {
		p.replace(t)
	}
	p.retire(t)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// replace has later requests dial anew, unless they do already.
func (p *pool) replace(failed *http.Transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == failed {
		p.current = newTransport(p.size)
	}
}

// retire closes the connections of a transport that is not used any more, once each
// of its requests is over.
func (p *pool) retire(t *http.Transport) {
	p.mu.Lock()
	old := p.current != t
	p.mu.Unlock()
	if old {
		t.CloseIdleConnections()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		p.current.CloseIdleConnections()
	}
}

// readWhole reads the answer's body, of which the core looks at 64 KiB, so that nothing is
// left to be read after the request's time.
func readWhole(answer *http.Response) error {
	const most = 64<<10 + 1
	body := answer.Body
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, most))
	if err != nil {
		return err
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}
