package intake

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxBody   = 2_097_152
	maxBodies = 64 << 20 // bytes of all requests that are read or being stored
	bodyTime  = 30 * time.Second
)

// A room bounds the memory of all requests together.
type room struct{ left atomic.Int64 }

// A share is what the servers, or the browsers, of one tenant have of the room.
type share struct{ held atomic.Int64 }

// take reports whether there is room. Nobody gets more than is left for the others:
// else a few slow clients, whose token every page shows, would keep all tenants out.
func (r *room) take(s *share, n int) bool {
	held, left := s.held.Add(int64(n)), r.left.Add(-int64(n))
	if held <= left {
		return true
	}
	r.give(s, n)
	return false
}

func (r *room) give(s *share, n int) {
	s.held.Add(-int64(n))
	r.left.Add(int64(n))
}

// sizes are the capacities of buffers. A buffer grows with what has come, whatever
// the request says will come, so that slow clients are cheap.
var sizes = [...]int{4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, maxBody + 1}

var pools [len(sizes)]sync.Pool // of *block

type block struct{ bytes []byte }

// A buffer holds a body. It is empty before the first grow.
type buffer struct {
	room  *room
	share *share
	block *block
	size  int    // number of the next capacity
	bytes []byte // what has come, in block
}

// grow makes room for more. It reports false if there is none, for all or for one
// body.
func (b *buffer) grow() bool {
	if b.size == len(sizes) || !b.room.take(b.share, sizes[b.size]) {
		return false
	}
	next, ok := pools[b.size].Get().(*block)
	if !ok {
		next = &block{make([]byte, sizes[b.size])}
	}
	n := copy(next.bytes, b.bytes)
	b.release()
	b.block, b.bytes = next, next.bytes[:n]
	b.size++
	return true
}

// release gives the block back, which is of the capacity before the next.
func (b *buffer) release() {
	if b.block != nil {
		b.room.give(b.share, sizes[b.size-1])
		pools[b.size-1].Put(b.block)
	}
}

// free gives back what b holds. Nobody may use its bytes any more.
func (b *buffer) free() {
	b.release()
	*b = buffer{}
}

// read reads the body. An answer without a status means that it is there.
func (x *exchange) read(b *buffer) answer {
	if x.r.ContentLength > maxBody {
		return tooLarge()
	}
	if x.w != nil {
		c := http.NewResponseController(x.w)
		if c.SetReadDeadline(time.Now().Add(x.i.bodyTime)) == nil {
			// A deadline that passes later would look as if the client had left.
			defer func() { _ = c.SetReadDeadline(time.Time{}) }()
		}
	}
	for idle := 0; ; {
		if len(b.bytes) == cap(b.bytes) && !b.grow() {
			return later(unavailable)
		}
		n, err := x.r.Body.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if n > 0 {
			idle = 0
		}
		const most = 100 // reads that bring nothing
		switch idle++; {
		case len(b.bytes) > maxBody:
			return tooLarge()
		case err == io.EOF:
			x.isRead = true
			return answer{}
		case errors.Is(err, os.ErrDeadlineExceeded):
			a := plainText(http.StatusRequestTimeout, fmt.Sprintf("body took longer than %v", x.i.bodyTime))
			a.leave = true
			return a
		case err != nil || idle > most:
			a := plainText(http.StatusBadRequest, "body could not be read")
			a.leave = true
			return a
		}
	}
}

func tooLarge() answer {
	return plainText(http.StatusRequestEntityTooLarge, fmt.Sprintf("body is over %d bytes", maxBody))
}
