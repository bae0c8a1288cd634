package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A listener reads the console's stream.
type listener struct {
	t     testing.TB
	lines *bufio.Scanner
}

// listen opens a stream, with pairs of a filter's name and value.
func listen(r *running, filter ...string) listener {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/console/stream?"+queryOf(filter...), nil)
	require.NoError(r.t, err)
	request.Header.Set("X-Api-Key", r.key)
	resp, err := r.http.Do(request)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { cancel(); _ = resp.Body.Close() })
	require.Equal(r.t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 16<<20)
	return listener{r.t, lines}
}

func queryOf(pairs ...string) string {
	query := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return query.Encode()
}

// until returns the first message that is as it should be.
func (l listener) until(as func(name string, u update) bool) (name string, u update) {
	l.t.Helper()
	for {
		if name, u = l.next(); as(name, u) {
			return name, u
		}
	}
}

// next returns the next message.
func (l listener) next() (name string, u update) {
	l.t.Helper()
	for l.lines.Scan() {
		line := l.lines.Text()
		if after, ok := strings.CutPrefix(line, "event: "); ok {
			name = after
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			require.NoError(l.t, json.Unmarshal([]byte(data), &u))
			return name, u
		}
	}
	require.NoError(l.t, l.lines.Err())
	l.t.Fatal("the stream ended")
	return "", u
}

func TestStream(t *testing.T) {
	r := startLocal(t, Config{})
	client := r.client()
	send(t, client, altertable.Track{Event: "before", DistinctID: "anon"})
	l := listen(r)
	name, u := l.next()
	assert.Equal(t, "snapshot", name)
	require.Len(t, u.Events, 1)
	assert.Equal(t, "anon", u.Events[0].IdentityID)
	assert.False(t, u.Events[0].Known)

	send(t, client, altertable.Identify{DistinctID: "u", AnonymousID: "anon", Traits: altertable.Traits{"plan": "pro"}})
	name, u = l.next()
	assert.Equal(t, "update", name)
	require.Len(t, u.Identities, 1)
	assert.Equal(t, []string{"anon"}, u.Identities[0].AnonymousIDs)
	require.Len(t, u.Events, 1, "the event has changed with its identity")
	assert.Equal(t, "u", u.Events[0].IdentityID)
	assert.True(t, u.Events[0].Known)
}

// Ingestion goes on while a console does not read, and ends with the console.
func TestStreamThatNobodyReads(t *testing.T) {
	r := startLocal(t, Config{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "GET /console/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	first := make([]byte, len("HTTP/1.1 200 OK"))
	_, err = conn.Read(first)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200 OK", string(first))

	client := r.client(altertable.WithOverflow(altertable.Block))
	text := strings.Repeat("x", 2000)
	for range 20_000 {
		require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u", Properties: altertable.Properties{"text": text}}))
	}
	require.NoError(t, client.Flush(t.Context()))
	assert.JSONEq(t, `[[20000]]`, r.rows("SELECT count(*) FROM events"))
	r.stop()
}

// A stream that cannot be written is cut off, and its seat is free again.
func TestStreamIsCutOff(t *testing.T) {
	h := emptyHub(nil)
	c := console{hub: h, auth: newAuth(nil, ""), writeTimeout: time.Millisecond, streams: make(chan struct{}, 1)}
	ended := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.stream(w, r)
		close(ended)
	})
	clientEnd, serverEnd := net.Pipe() // without any buffer
	defer func() { _ = clientEnd.Close() }()
	server := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- server.Serve(&oneConn{conn: serverEnd, closed: make(chan struct{})}) }()
	_, err := fmt.Fprintf(clientEnd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	<-ended
	assert.Empty(t, c.streams)
	require.NoError(t, server.Close())
	assert.ErrorIs(t, <-served, http.ErrServerClosed)
}

// A oneConn is a listener with one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func TestStreamsAreBounded(t *testing.T) {
	r := startLocal(t, Config{})
	for range 32 {
		listen(r).next()
	}
	status, _ := r.do(http.MethodGet, "/console/stream", "")
	assert.Equal(t, http.StatusServiceUnavailable, status)
}

func TestConsoleKeepsTheNewest(t *testing.T) {
	r := startLocal(t, Config{})
	client := r.client(altertable.WithMaxInFlight(1))
	for n := range 3 * shown {
		require.NoError(t, client.Track(t.Context(), altertable.Track{Event: fmt.Sprint("event ", n), DistinctID: "u"}))
	}
	require.NoError(t, client.Flush(t.Context()))
	_, u := listen(r).next()
	assert.Len(t, u.Events, shown)
	assert.Len(t, u.Requests, 9)
	assert.Equal(t, fmt.Sprint("event ", 3*shown-1), u.Events[len(u.Events)-1].Event)
	assert.Equal(t, int64(3*shown), u.Stored)
}
