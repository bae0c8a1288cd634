package altertable

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// unknowing is a server that knows no environment other than "production" until
// it knows all.
type unknowing struct {
	knows    atomic.Bool
	requests atomic.Int64
}

func (u *unknowing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	u.requests.Add(1)
	answer := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	if !u.knows.Load() && !bytes.Contains(body, []byte(`"environment":"production"`)) {
		answer.StatusCode = 404
		answer.Body = io.NopCloser(bytes.NewReader([]byte(`{"ok":false,"error_code":"environment-not-found"}`)))
	}
	return answer, nil
}

// Of many missing environments nothing is left, whether they appear, or all of
// their messages are given up.
func TestManyMissingEnvironments(t *testing.T) {
	for name, appear := range map[string]bool{"appear": true, "are given up": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const many = 1000
				server := new(unknowing)
				client, err := New("key", WithSpool(t.TempDir()), WithHTTPClient(&http.Client{Transport: server}), WithLogger(slog.New(slog.DiscardHandler)),
					WithRetry(RetryPolicy{MaxElapsed: 45 * time.Second}), WithOnError(func(error) {}))
				require.NoError(t, err)
				defer func() { _ = client.Close() }() // before its directory is removed
				q := client.queue
				for i := range many {
					environment := fmt.Sprint("e-", i)
					require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u", Environment: environment}))
					require.NoError(t, client.Identify(t.Context(), Identify{DistinctID: "u", Environment: environment}))
				}
				<-time.After(40 * time.Second)
				synctest.Wait()
				require.Empty(t, q.inconsistency())
				func() {
					q.mu.Lock()
					defer q.mu.Unlock()
					assert.Len(t, q.places.missing, many)
				}()
				requests := server.requests.Load()
				assert.LessOrEqual(t, requests, int64(4*many))
				server.knows.Store(appear)
				<-time.After(2 * time.Minute)
				synctest.Wait()
				require.Empty(t, q.inconsistency())
				s := client.Stats()
				assert.EqualValues(t, 2*many, s.Accepted)
				assert.Zero(t, s.Queued)
				if !appear {
					assert.EqualValues(t, 2*many, s.Failed)
					assert.Equal(t, requests, server.requests.Load())
				}
				q.mu.Lock()
				defer q.mu.Unlock()
				assert.Empty(t, q.places.missing)
				assert.Empty(t, q.places.lanes)
				assert.Empty(t, q.places.setBack.batches)
				assert.Zero(t, q.places.buffers.unused)
				assert.Equal(t, q.keeper.(*disk).tendAt, q.timerAt, "nothing else is due")
				assert.EqualValues(t, -1, q.places.lookAt)
			})
		})
	}
}

// The better probe of an environment has less to hide another cause of a failure.
func TestBetterProbe(t *testing.T) {
	p := placesForTest(t)
	fails := func(ep endpoint) bool { return ep == aliasEndpoint }
	p.add(&envelope{endpoint: identifyEndpoint, environment: []byte("production"), json: []byte("{}")}, 5, spool.Ref{})
	best := []*batch{p.sealed(trackEndpoint, 3), p.sealed(trackEndpoint, 4), p.sealed(trackEndpoint, 2), p.home[identifyEndpoint].open, p.sealed(aliasEndpoint, 1)}
	best[2].failures = 1
	for i, b := range best {
		for _, other := range best[i+1:] {
			assert.True(t, isBetterProbe(b, other, fails), "%d", b.number())
			assert.False(t, isBetterProbe(other, b, fails), "%d", b.number())
		}
	}
}
