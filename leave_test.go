package altertable

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type answer func(*http.Request) (*http.Response, error)

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// taken answers as a server that takes everything.
func taken(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"ok":true}`)), Header: http.Header{}}, errors.Join(err, r.Body.Close())
}

func away(r *http.Request) (*http.Response, error) {
	return nil, errors.Join(errors.New("away"), r.Body.Close())
}

// diskClient returns a client with a spool, and the keeper of its messages.
func diskClient(t *testing.T, dir string, server answer, opts ...Option) (*Client, *disk) {
	client, err := New("key", append([]Option{
		WithSpool(dir), WithHTTPClient(&http.Client{Transport: server}), WithLogger(slog.New(slog.DiscardHandler)),
		WithFlushInterval(time.Millisecond), WithRetry(RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: time.Millisecond}),
	}, opts...)...)
	require.NoError(t, err)
	return client, client.queue.keeper.(*disk)
}

// soon returns a context that ends shortly.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// currentWork returns a channel that is closed when the goroutine at work ends, nil
// if there is none.
func (d *disk) currentWork() <-chan struct{} {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	return d.work
}

// While the disk hangs, its lock is held. Whoever must not wait for it does not.
func TestHungDiskHoldsUpNoOtherCall(t *testing.T) {
	for name, server := range map[string]answer{"server up": taken, "server down": away} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			client, d := diskClient(t, dir, server, WithMaxQueueSize(10), WithMaxBatchSize(5))
			for range 30 { // most are on disk alone if the server is down
				require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u"}))
			}
			d.mu.Lock()
			err := client.Flush(soon(t))
			if name == "server down" {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			ctx := soon(t)
			if name == "server up" { // which answers, however busy the machine is
				ctx = t.Context()
			}
			if _, err = client.IdentifySync(ctx, Identify{DistinctID: "u"}); name == "server up" {
				require.NoError(t, err)
			}
			assert.EqualValues(t, 30, client.Stats().Accepted)
			require.NoError(t, client.Shutdown(soon(t)), "all is on disk, for all that is known")
			s := client.Stats()
			assert.EqualValues(t, 30, s.Delivered+s.Queued)
			work := d.currentWork()
			d.mu.Unlock()
			<-work // it goes on when the disk is back
			next, _ := diskClient(t, dir, taken)
			require.NoError(t, next.Close())
			assert.Equal(t, s.Queued, next.Stats().Delivered, "what was delivered is noted")
		})
	}
}

// An identify that has its stamp and hangs on its way to the disk goes first.
func TestIdentifySyncWaitsForAnIdentifyOnItsWayToDisk(t *testing.T) {
	client, d := diskClient(t, t.TempDir(), taken)
	q := client.queue
	q.mu.Lock()
	d.storing.begin(identifyEndpoint)
	q.mu.Unlock()
	_, err := client.IdentifySync(soon(t), Identify{DistinctID: "u"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = client.TrackSync(t.Context(), Track{Event: "e", DistinctID: "u"})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := client.IdentifySync(t.Context(), Identify{DistinctID: "u"})
		done <- err
	}()
	q.mu.Lock()
	d.storing.end()
	q.mu.Unlock()
	require.NoError(t, <-done)
	require.NoError(t, client.Close())
}
