package altertable

import (
	"io"
	"net/http"
	"sync"
)

// A body reads a batch's messages as a request's body. net/http may read a body
// on after the request has returned, until it closes it, and close it while it
// reads: the content lives so long, and is not read afterwards.
type body struct {
	content  *content
	messages []byte
	array    bool // in brackets

	mu     sync.Mutex // guards what follows
	read   int
	closed bool
}

func newBody(c *content, lo, hi int, array bool) *body {
	c.retain()
	return &body{content: c, messages: c.messages(lo, hi), array: array}
}

func (b *body) size() int {
	if b.array {
		return len(b.messages) + len("[]")
	}
	return len(b.messages)
}

func (b *body) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	begin := 0
	if b.array {
		begin = len("[")
	}
	for n < len(p) && b.read < b.size() {
		var copied int
		switch i := b.read - begin; {
		case i < 0:
			copied = copy(p[n:], "[")
		case i < len(b.messages):
			copied = copy(p[n:], b.messages[i:])
		default:
			copied = copy(p[n:], "]")
		}
		n += copied
		b.read += copied
	}
	if b.read == b.size() {
		return n, io.EOF
	}
	return n, nil
}

// Close may be called more than once.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		b.content.release()
	}
	return nil
}

// again returns an unread body with the same messages. It is for net/http,
// while the request has not returned.
func (b *body) again() *body {
	b.content.retain()
	return &body{content: b.content, messages: b.messages, array: b.array}
}
