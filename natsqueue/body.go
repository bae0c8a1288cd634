package natsqueue

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// buffers have the bodies of requests until they are published: nats.go copies
// what it sends. At their size, new ones for each request would cost more than the
// publishing.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readBody reads a request's body into an empty buffer. Its length is what the
// request says: below 1 if it is unknown. A body of another length is an error,
// since half a body is none.
func readBody(b *bytes.Buffer, r io.Reader, length int64) (*refusal, error) {
	b.Grow(int(max(length, 0)) + bytes.MinRead) // it ends with a read that finds the end
	n, err := b.ReadFrom(io.LimitReader(r, maxMessage+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("natsqueue: the request's body: %w", err)
	case n > maxMessage:
		return tooLarge, nil
	case length > 0 && n != length:
		return nil, fmt.Errorf("natsqueue: the request's body has %d bytes, and its ContentLength says %d", n, length)
	}
	return nil, nil
}
