package altertabletest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
)

// maxBuffered is how far a handler may be ahead of the client: enough for it
// to return before a client that is slow to read, or never does.
const maxBuffered = 64 << 10

// A stream is the body of a response in memory: the handler writes, the client
// reads.
type stream struct {
	cancel context.CancelFunc // tells the handler that the client has left

	mu     sync.Mutex
	moved  sync.Cond // on mu: any of the fields below changed
	buf    bytes.Buffer
	err    error // what comes after buf; nil while the handler writes
	closed bool  // by the client
	forget func() bool
}

func newStream(cancel context.CancelFunc) *stream {
	s := &stream{cancel: cancel}
	s.moved.L = &s.mu
	return s
}

// Read is the client's. It waits for the handler to write, to end, or to fail.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, http.ErrBodyReadAfterClose
		case len(p) == 0:
			return 0, nil
		case s.buf.Len() > 0:
			n, err := s.buf.Read(p)
			s.moved.Broadcast()
			return n, err
		case s.err != nil:
			s.release()
			return 0, s.err
		}
		s.moved.Wait()
	}
}

// Write is the handler's. It waits for room.
func (s *stream) Write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 {
		for s.buf.Len() >= maxBuffered && s.err == nil && !s.closed {
			s.moved.Wait()
		}
		if s.err != nil || s.closed {
			return n, io.ErrClosedPipe
		}
		m, _ := s.buf.Write(p[:min(len(p), maxBuffered-s.buf.Len())]) // never fails
		n, p = n+m, p[m:]
		s.moved.Broadcast()
	}
	return n, nil
}

// Close is the client's: it ends the handler's work.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.buf = bytes.Buffer{}
	s.release()
	s.moved.Broadcast()
	return nil
}

// end lets the client read what was written, and err after it. The first error
// counts.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.moved.Broadcast()
}

// abort makes the client read err at once.
func (s *stream) abort(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != io.EOF || s.buf.Len() > 0 {
		s.err = err
	}
	s.buf = bytes.Buffer{}
	s.moved.Broadcast()
}

// onClose sets what is called once, when the client has read or closed it all.
func (s *stream) onClose(forget func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget = forget
}

func (s *stream) release() {
	s.cancel()
	if s.forget != nil {
		s.forget()
		s.forget = nil
	}
}
