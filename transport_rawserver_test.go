package altertable_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A rawServer answers each request with the next of its texts and closes the
// connection; after the last one it answers 200.
type rawServer struct {
	net.Listener
	mu       sync.Mutex
	texts    []string
	requests int
}

func newRawServer(t *testing.T, texts ...string) *rawServer {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &rawServer{Listener: listener, texts: texts}
	var conns sync.WaitGroup
	conns.Go(func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			conns.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		conns.Wait()
	})
	return s
}

func (s *rawServer) serve(conn net.Conn) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // a client may leave in between
	s.mu.Lock()
	text := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	if s.requests < len(s.texts) {
		text = s.texts[s.requests]
	}
	s.requests++
	s.mu.Unlock()
	_, _ = io.WriteString(conn, text)
	if strings.HasPrefix(text, "HTTP/1.1 101") {
		_, _ = conn.Read(make([]byte, 1)) // until the client closes it
	}
}

// What no server of net/http sends: what is an answer counts, and what is none is retried.
func TestStrangeAnswers(t *testing.T) {
	const empty = "Content-Length: 0\r\n\r\n"
	for name, test := range map[string]struct {
		text     string
		requests int
		status   int // of the final error
	}{
		"hung up":                {"", 2, 0},
		"not HTTP":               {"SSH-2.0-OpenSSH\r\n", 2, 0},
		"cut off in its header":  {"HTTP/1.1 200 OK\r\nContent-Le", 2, 0},
		"informational only":     {"HTTP/1.1 100 Continue\r\n\r\n", 2, 0},
		"informational first":    {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 3) + "HTTP/1.1 204 No Content\r\n\r\n", 1, 0},
		"another protocol":       {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n", 1, 101},
		"HTTP/1.0":               {"HTTP/1.0 200 OK\r\n\r\n" + `{"ok":true}`, 1, 0},
		"200, cut off":           {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + `{"ok":false`, 1, 0},
		"200, broken chunk":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 1, 0},
		"200, compressed":        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 1, 0},
		"500, broken chunk":      {"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 2, 0},
		"600":                    {"HTTP/1.1 600 Oops\r\n" + empty, 2, 0},
		"999":                    {"HTTP/1.1 999 Oops\r\n" + empty, 2, 0},
		"200, header too long":   {"HTTP/1.1 200 OK\r\nX-Text: " + strings.Repeat("x", 100<<10) + "\r\n" + empty, 2, 0},
		"redirect without where": {"HTTP/1.1 302 Found\r\n" + empty, 1, 302},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newRawServer(t, test.text)
			timeout := time.Minute
			if test.status == 101 { // the connection stays open
				timeout = time.Second
			}
			l := new(ledger)
			client, err := altertable.New("key", append(l.options(), altertable.WithBaseURL("http://"+srv.Addr().String()),
				altertable.WithRequestTimeout(timeout), altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond}))...)
			require.NoError(t, err)
			track(t, client, "e0")
			err = client.Close()
			srv.mu.Lock()
			assert.Equal(t, test.requests, srv.requests)
			srv.mu.Unlock()
			if test.status == 0 {
				require.NoError(t, err)
			} else {
				var api *altertable.APIError
				require.ErrorAs(t, err, &api)
				assert.Equal(t, test.status, api.StatusCode)
			}
			l.settle(t, client, "e0")
		})
	}
}
