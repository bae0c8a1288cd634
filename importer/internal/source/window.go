package source

import (
	"bytes"
	"io"
)

const (
	// maxLine is how long a row may be. A message may have 2 MiB, so a longer
	// row is one that nobody can send.
	maxLine = 2 << 20
	// windowSize leaves room for several rows of that size, so that few bytes
	// are moved.
	windowSize = 2*maxLine + 64<<10
)

// A window is the part of a file that is looked at. Indexes are from the
// beginning of the row that is read. Its memory is bounded, whatever the file
// has: what has no end within maxLine is not found.
type window struct {
	in         io.Reader
	buf        []byte
	start, end int   // of the row, and of what was read
	err        error // of in; io.EOF at the end of the file
}

func newWindow(in io.Reader) *window {
	w := &window{in: in, buf: make([]byte, windowSize)}
	if w.have(3) && bytes.HasPrefix(w.buf, []byte("\ufeff")) {
		w.start = 3
	}
	return w
}

// have reads until there are n bytes, and reports whether there are.
func (w *window) have(n int) bool {
	for w.end-w.start < n && w.err == nil {
		if w.start > 0 && len(w.buf)-w.start < maxLine+2 {
			w.end = copy(w.buf, w.buf[w.start:w.end])
			w.start = 0
		}
		if w.end == len(w.buf) {
			return false
		}
		var n int
		n, w.err = w.in.Read(w.buf[w.end:])
		w.end += n
	}
	return w.end-w.start >= n
}

// find returns the index of the first c at or behind from. Without one in maxLine
// it returns -1: the file ends, or the row is too long. How much was read before
// makes no difference.
func (w *window) find(from int, c byte) int {
	for {
		rest := w.buf[min(w.start+from, w.end):min(w.end, w.start+maxLine+1)]
		if i := bytes.IndexByte(rest, c); i >= 0 {
			return from + i
		}
		from = max(from, w.end-w.start)
		if from > maxLine || !w.have(from+1) {
			return -1
		}
	}
}

// at returns the byte at an index, and 0 behind the end of the file.
func (w *window) at(i int) byte {
	if !w.have(i + 1) {
		return 0
	}
	return w.buf[w.start+i]
}

// tooLong reports, after find did not find anything, whether that is because
// there is too much, and not because the file ends or cannot be read.
func (w *window) tooLong() bool { return w.end-w.start > maxLine }

func (w *window) bytes(n int) []byte { return w.buf[w.start : w.start+n] }
func (w *window) rest() []byte       { return w.buf[w.start:w.end] }

// advance goes on behind n bytes.
func (w *window) advance(n int) { w.start = min(w.start+n, w.end) }

// skip goes on behind the next c, or at the end of the file.
func (w *window) skip(c byte) {
	for {
		if i := bytes.IndexByte(w.rest(), c); i >= 0 {
			w.advance(i + 1)
			return
		}
		w.start = w.end
		if !w.have(1) {
			return
		}
	}
}
