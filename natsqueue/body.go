package natsqueue

import (
	"bytes"
	"fmt"
	"io"
)

// readBody reads a request's body, whose length is what the request says: below 1
// if it is unknown. A body of another length is an error, since half a body is none.
func readBody(r io.Reader, length int64) ([]byte, *refusal, error) {
	var b bytes.Buffer
	if length > 0 {
		b.Grow(int(length) + bytes.MinRead) // it ends with a read that finds the end
	}
	n, err := b.ReadFrom(io.LimitReader(r, maxMessage+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("natsqueue: the request's body: %w", err)
	case n > maxMessage:
		return nil, tooLarge, nil
	case length > 0 && n != length:
		return nil, nil, fmt.Errorf("natsqueue: the request's body has %d bytes, and its ContentLength says %d", n, length)
	}
	return b.Bytes(), nil, nil
}
