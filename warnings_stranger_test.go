package altertable_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Where another than the API answers, or the API wants fewer requests, the log
// says so, beside what it says of the outage.
func TestWarningsOfWhoAnswersInstead(t *testing.T) {
	for text, fault := range map[string]altertabletest.Fault{
		"a captive portal":              altertabletest.Status(200).HTML("<html>log in</html>"),
		"a firewall or proxy refuses":   altertabletest.Status(403).HTML("<html>blocked</html>"),
		"limits the rate of requests":   altertabletest.Status(429),
		"messages cannot be delivered ": altertabletest.Status(503),
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := new(journal)
				client, srv := newLoggedClient(t, j)
				srv.Next(1, fault)
				track(t, client, "e0", "e1")
				require.NoError(t, client.Flush(t.Context()))
				require.Len(t, j.about(text), 1)
				if text != "messages cannot be delivered " {
					assert.EqualValues(t, 2, j.sum(text, "count"))
				}
			})
		})
	}
}

// A proxy's refusal of CONNECT is named with its status.
func TestWarningOfAProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(journal)
		refused := false
		client, _ := newLoggedClient(t, j, altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			if !refused {
				refused = true
				return nil, errors.New("Proxy Authentication Required") // as http.Transport puts it
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
		})}))
		track(t, client, "e0")
		require.NoError(t, client.Flush(within(t, time.Minute)))
		lines := j.about("the proxy refuses")
		require.Len(t, lines, 1)
		assert.EqualValues(t, 407, lines[0].attrs["status"])
	})
}
