package altertable

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A misdirecting handler answers 421 on its first connection, from the second
// request on.
type misdirecting struct {
	mu    sync.Mutex
	conns []string // that requests came on
}

func (h *misdirecting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a client may leave in between
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = append(h.conns, r.RemoteAddr)
	if len(h.conns) > 1 && r.RemoteAddr == h.conns[0] {
		w.WriteHeader(http.StatusMisdirectedRequest)
	}
}

func TestMisdirectedRequestLeavesItsConnection(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			h := new(misdirecting)
			api := httptest.NewUnstartedServer(h)
			if api.EnableHTTP2 = http2; http2 {
				api.StartTLS()
			} else {
				api.Start()
			}
			defer api.Close()
			m := newMiddlebox(t, func(int) string { return api.Listener.Addr().String() })
			client := pooled(t, m, api)
			for range 3 {
				_, err := client.TrackSync(t.Context(), Track{Event: "e", DistinctID: "u_1"})
				require.NoError(t, err)
			}
			require.Len(t, h.conns, 4)
			assert.Equal(t, h.conns[0], h.conns[1], "a connection is used again")
			assert.NotEqual(t, h.conns[1], h.conns[2], "but not after a 421")
			assert.Equal(t, h.conns[2], h.conns[3])
			assert.EqualValues(t, 1, client.Stats().Retries)
			require.NoError(t, client.Close())
			m.awaitEnd(t)
		})
	}
}
