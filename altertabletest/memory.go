package altertabletest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// memory is a RoundTripper that runs the server's handler without sockets. It
// waits on channels, mutexes and timers alone, so that virtual time can pass.
type memory struct{ server *Server }

// maxHeader is what http.Transport allows, unless it is told otherwise.
const maxHeader = 10 << 20

// RoundTrip implements http.RoundTripper. A handler runs until it returns, the
// response's body is closed, the request's context ends, or the server is
// closed or down.
func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	body := &requestBody{inner: r.Body}
	if r.Context().Err() != nil {
		_ = body.Close()
		return nil, context.Cause(r.Context())
	}
	line, ok := m.server.connect()
	if !ok {
		_ = body.Close()
		return nil, errRefused()
	}
	ctx, cancel := context.WithCancel(r.Context())
	w := &memoryWriter{header: http.Header{}, headless: r.Method == http.MethodHead, ready: make(chan struct{})}
	w.stream = newStream(cancel)
	stopClient := context.AfterFunc(r.Context(), func() {
		w.abort(context.Cause(r.Context()))
		cancel()
		_ = body.Close()
	})
	stopLine := context.AfterFunc(line, func() {
		w.fail(errReset())
		cancel()
		_ = body.Close()
	})
	inbound := inboundRequest(ctx, r, body)
	go func() {
		defer m.server.handlers.Done()
		defer stopLine()
		defer func() { _ = body.Close() }()
		w.serve(m.server.Handler(), inbound)
	}()
	<-w.ready
	return w.response(r, stopClient)
}

// connect admits a request to memory, and returns the context that ends when
// the server is closed or goes down.
func (s *Server) connect() (context.Context, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.closed {
		return nil, false
	}
	s.handlers.Add(1)
	return s.line, true
}

// inboundRequest returns r as a server sees it.
func inboundRequest(ctx context.Context, r *http.Request, body io.ReadCloser) *http.Request {
	in := r.Clone(ctx)
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:1"
	in.Body = body
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.URL.Scheme, in.URL.Host, in.URL.User = "", "", nil
	if in.Header == nil {
		in.Header = http.Header{}
	}
	return in
}

// A requestBody is read by the handler and closed by whoever ends the request.
type requestBody struct {
	inner  io.ReadCloser // may be nil
	closed atomic.Bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	if b.inner == nil {
		return 0, io.EOF
	}
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.inner.Read(p)
}

func (b *requestBody) Close() error {
	if b.inner == nil || b.closed.Swap(true) {
		return nil
	}
	return b.inner.Close()
}

// A memoryWriter is the handler's end of a response in memory.
type memoryWriter struct {
	*stream
	header   http.Header // the handler's
	headless bool        // the answer has no body, whatever is written
	once     sync.Once
	ready    chan struct{} // closed when the fields below are set

	status int
	sent   http.Header // header as it was when the answer began
	err    error       // in the place of an answer
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) {
	if status < 200 {
		return
	}
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		if w.sent.Get("Date") == "" {
			w.sent.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		}
		w.headless = w.headless || status == http.StatusNoContent || status == http.StatusNotModified
		close(w.ready)
	})
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.headless {
		return len(p), nil
	}
	return w.stream.Write(p)
}

// Flush implements http.Flusher: what is written can be read at once anyway.
func (w *memoryWriter) Flush() { w.WriteHeader(http.StatusOK) }

// fail breaks the connection: the client gets err, after what was sent before.
func (w *memoryWriter) fail(err error) {
	w.refuseHeader(err)
	w.end(err)
}

// abort ends the response for a client that has given up with err.
func (w *memoryWriter) abort(err error) {
	w.refuseHeader(err)
	w.stream.abort(err)
}

func (w *memoryWriter) refuseHeader(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.ready)
	})
}

// serve runs the handler to its end. A panic ends the connection, as in
// net/http.
func (w *memoryWriter) serve(h http.Handler, r *http.Request) {
	defer func() {
		switch v := recover(); v {
		case nil:
			w.WriteHeader(http.StatusOK)
			w.end(io.EOF)
		case http.ErrAbortHandler:
			w.fail(errReset())
		default:
			w.fail(fmt.Errorf("altertabletest: handler panicked: %v: %w", v, errReset()))
		}
	}()
	h.ServeHTTP(w, r)
}

// response makes of what the handler sent what the client gets. forget is
// called when the request's context does not matter any more.
func (w *memoryWriter) response(r *http.Request, forget func() bool) (*http.Response, error) {
	if w.err != nil {
		forget()
		w.stream.cancel()
		return nil, w.err
	}
	size := 0
	for name, values := range w.sent {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	w.onClose(forget)
	if size > maxHeader {
		_ = w.stream.Close()
		return nil, errors.New("altertabletest: server response headers exceeded " + strconv.Itoa(maxHeader) + " bytes; aborted")
	}
	length := int64(-1)
	if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
		length = n
	}
	return &http.Response{
		Status:        strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.sent,
		Body:          w.stream,
		ContentLength: length,
		Request:       r,
	}, nil
}

func errReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Addr: localhost, Err: os.NewSyscallError("read", connReset)}
}

func errRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: localhost, Err: os.NewSyscallError("connect", connRefused)}
}

var localhost = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
