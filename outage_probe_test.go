package altertable_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A RoundTripper that does not return costs one of the requests in flight, also
// if that one was to see whether an outage, or the refusal of a limit, is over.
func TestProbeThatNeverReturns(t *testing.T) {
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				stop := make(chan struct{})
				l := new(ledger)
				client, err := altertable.New("key", append(l.options(), altertable.WithMaxBatchSize(1),
					altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
						answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}
						switch requests.Add(1) {
						case 1:
							answer.StatusCode = status
						case 2:
							<-stop // it heeds no context
							return nil, errors.New("stopped")
						}
						return answer, nil
					})}))...)
				require.NoError(t, err)
				track(t, client, "e0")
				pass(100 * time.Millisecond)
				track(t, client, numberedFrom(1, 19)...)
				pass(time.Minute)
				assert.EqualValues(t, 19, client.Stats().Delivered)
				close(stop)
				require.NoError(t, client.Close())
				l.settle(t, client, numbered(20)...)
			})
		})
	}
}
