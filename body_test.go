package altertable

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"testing/iotest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBodyReadsItsPayload(t *testing.T) {
	for name, test := range map[string]struct {
		payload payload
		want    string
	}{
		"one object":   {payload{parts: [2][]byte{[]byte(`{"a":1}`)}}, `{"a":1}`},
		"array":        {payload{parts: [2][]byte{[]byte(`{"a":1},{"b":2}`)}, array: true}, `[{"a":1},{"b":2}]`},
		"two parts":    {payload{parts: [2][]byte{[]byte(`{"a":1},`), []byte(`{"b":2}`)}, array: true}, `[{"a":1},{"b":2}]`},
		"no head":      {payload{parts: [2][]byte{nil, []byte(`{"b":2}`)}, array: true}, `[{"b":2}]`},
		"parts alone":  {payload{parts: [2][]byte{[]byte(`{"a"`), []byte(`:1}`)}}, `{"a":1}`},
		"empty array":  {payload{array: true}, `[]`},
		"nothing":      {payload{}, ``},
		"a large head": {payload{parts: [2][]byte{bytes.Repeat([]byte("x"), 100_000), []byte("y")}}, string(bytes.Repeat([]byte("x"), 100_000)) + "y"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, len(test.want), test.payload.size())
			l := &loan{payload: test.payload}
			for range 2 { // each body begins at the beginning
				body, err := l.open()
				require.NoError(t, err)
				require.NoError(t, iotest.TestReader(body, []byte(test.want)))
			}
			if len(test.want) < 100 {
				body, err := l.open()
				require.NoError(t, err)
				text, err := io.ReadAll(iotest.OneByteReader(body))
				require.NoError(t, err)
				assert.Equal(t, test.want, string(text))
			}
		})
	}
}

func TestLoanEnds(t *testing.T) {
	l := &loan{payload: payload{parts: [2][]byte{[]byte("text")}}}
	unread, err := l.open()
	require.NoError(t, err)
	half, err := l.open()
	require.NoError(t, err)
	_, err = io.ReadFull(half, make([]byte, 2))
	require.NoError(t, err)
	read, err := l.open()
	require.NoError(t, err)
	_, err = io.ReadAll(read)
	require.NoError(t, err)
	l.end()
	l.end()
	for name, body := range map[string]io.ReadCloser{"unread": unread, "half read": half, "read": read} {
		n, err := body.Read(make([]byte, 10))
		assert.Zero(t, n, name)
		assert.ErrorIs(t, err, http.ErrBodyReadAfterClose, name)
		assert.NoError(t, body.Close(), name)
		assert.NoError(t, body.Close(), name)
	}
	body, err := l.open()
	assert.Error(t, err)
	assert.Nil(t, body)
}

// What a body reads after Close is nothing, and the other bodies go on.
func TestClosedBody(t *testing.T) {
	l := &loan{payload: payload{parts: [2][]byte{[]byte("text")}}}
	closed, err := l.open()
	require.NoError(t, err)
	other, err := l.open()
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	require.NoError(t, closed.Close())
	_, err = closed.Read(make([]byte, 10))
	assert.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	text, err := io.ReadAll(other)
	require.NoError(t, err)
	assert.Equal(t, "text", string(text))
}

type inMemory func(*http.Request) (*http.Response, error)

func (f inMemory) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// testTransport returns a transport that sends through rt, or over own
// connections if that is nil.
func testTransport(base string, rt http.RoundTripper) *transport {
	u, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	key := "key"
	cfg := &config{key: &key, baseURL: u, timeout: 5 * time.Second, maxInFlight: 8}
	if rt != nil {
		cfg.httpClient = &http.Client{Transport: rt}
	}
	return newTransport(cfg)
}

// A RoundTripper that keeps all it was given does not keep the messages.
func TestKeptRequestHoldsNoMessages(t *testing.T) {
	for name, synchronous := range map[string]bool{"batch": false, "synchronous": true} {
		t.Run(name, func(t *testing.T) {
			var kept []any
			sender := testTransport("http://localhost", inMemory(func(r *http.Request) (*http.Response, error) {
				second, err := r.GetBody()
				kept = append(kept, r, r.Body, r.GetBody, second)
				return nil, errors.Join(err, io.ErrUnexpectedEOF)
			}))
			messages := make([]byte, 64<<10)
			held := weak.Make(&messages[0])
			_, err := sender.post(context.Background(), trackEndpoint, synchronous, payload{parts: [2][]byte{messages}})
			require.Error(t, err)
			messages = nil
			runtime.GC()
			assert.Nil(t, held.Value())
			runtime.KeepAlive(kept)
		})
	}
}
