package altertable

import (
	"io"
	"net/http"
	"sync"
)

// A payload is the JSON that a request sends: two parts, one after the other,
// as an array or as they stand. Either part may be empty. Its bytes do not
// change while somebody may read them.
type payload struct {
	parts [2][]byte
	array bool // in brackets
}

var opening, closing = []byte("["), []byte("]")

// pieces returns what is sent, in order.
func (m payload) pieces() [4][]byte {
	if m.array {
		return [4][]byte{opening, m.parts[0], m.parts[1], closing}
	}
	return [4][]byte{m.parts[0], m.parts[1]}
}

func (m payload) size() (n int) {
	for _, piece := range m.pieces() {
		n += len(piece)
	}
	return n
}

// copyTo copies to p what is sent from the byte at position on.
func (m payload) copyTo(p []byte, position int) (n int) {
	for _, piece := range m.pieces() {
		if position >= len(piece) {
			position -= len(piece)
			continue
		}
		n += copy(p[n:], piece[position:])
		position = 0
	}
	return n
}

// A loan lends a payload to the bodies of one request until the request is
// over. A RoundTripper may keep the bodies, and the request with its GetBody:
// they give nothing any more, and hold nothing in memory.
type loan struct {
	mu      sync.Mutex // guards what follows, and the bodies
	payload payload    // empty when it is over
	over    bool
}

// open returns an unread body.
func (l *loan) open() (io.ReadCloser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil, http.ErrBodyReadAfterClose
	}
	return &body{loan: l}, nil
}

// end waits for a read under way. After it, nobody reads the payload.
func (l *loan) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.payload, l.over = payload{}, true
}

// A body reads a lent payload from its beginning. It may be read and closed by
// several goroutines, and closed more than once.
type body struct {
	loan     *loan
	position int  // guarded by loan.mu
	closed   bool // guarded by loan.mu
}

func (b *body) Read(p []byte) (int, error) {
	b.loan.mu.Lock()
	defer b.loan.mu.Unlock()
	if b.closed || b.loan.over {
		return 0, http.ErrBodyReadAfterClose
	}
	n := b.loan.payload.copyTo(p, b.position)
	b.position += n
	if b.position == b.loan.payload.size() {
		return n, io.EOF
	}
	return n, nil
}

func (b *body) Close() error {
	b.loan.mu.Lock()
	defer b.loan.mu.Unlock()
	b.closed = true
	return nil
}
