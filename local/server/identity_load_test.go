package server

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// BenchmarkIdentify sends 20,000 identifies of an identity that has many ids
// already, each with one more, and reports how much longer one takes than where
// there are ten.
func BenchmarkIdentify(b *testing.B) {
	for b.Loop() {
		few := timeOfIdentify(b, 10)
		for _, ids := range []int{1_000, 100_000} {
			b.ReportMetric(float64(timeOfIdentify(b, ids))/float64(few), fmt.Sprintf("times-at-%d-ids", ids))
		}
		b.ReportMetric(float64(few.Nanoseconds())/1000, "us/identify")
	}
}

func timeOfIdentify(b *testing.B, ids int) time.Duration {
	const requests, each = 200, 100
	known := altertabletest.Identity{Environment: "production", DistinctID: "u"}
	for n := range ids - 1 {
		known.AnonymousIDs = append(known.AnonymousIDs, fmt.Sprintf("anonymous-7c9e6679-7425-40de-944b-%012d", n))
	}
	d, err := openDatabase("", logToStderr)
	require.NoError(b, err)
	api := altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithHistory(1),
		altertabletest.WithIdentities(known), altertabletest.WithObserver(d.observe))
	defer api.Close()
	d.follow(api)
	client := api.HTTPClient()
	send := func(from, n int) {
		var body bytes.Buffer
		for i := range n {
			fmt.Fprintf(&body, `,{"environment":"production","distinct_id":"u","anonymous_id":"new-%d","traits":{"n":%d}}`, from+i, i)
		}
		body.WriteByte(']')
		body.Bytes()[0] = '['
		request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, api.URL+"/identify", &body)
		require.NoError(b, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Api-Key", "key")
		resp, err := client.Do(request)
		require.NoError(b, err)
		require.NoError(b, resp.Body.Close())
		require.Equal(b, 200, resp.StatusCode)
	}
	send(0, 1)
	require.NoError(b, d.catchUp())
	start := time.Now()
	for n := range requests {
		send(1+n*each, each)
	}
	require.NoError(b, d.catchUp())
	took := time.Since(start)
	require.NoError(b, d.close())
	return took / (requests * each)
}
