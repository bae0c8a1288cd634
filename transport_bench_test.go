package altertable

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
)

// BenchmarkPost is one attempt through a RoundTripper in memory, and the limit
// beside it: the same bytes and headers sent with net/http alone.
func BenchmarkPost(b *testing.B) {
	server := inMemory(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, err
	})
	sender := testTransport("http://localhost", server)
	messages := bytes.Repeat([]byte(`{"event":"e"},`), 2000)
	b.Run("altertable", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := sender.post(context.Background(), trackEndpoint, false, payload{parts: [2][]byte{messages}, array: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(context.Background(), sender.timeout)
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, sender.urls[trackEndpoint], bytes.NewReader(messages))
			if err != nil {
				b.Fatal(err)
			}
			request.Header = sender.header.Clone()
			answer, err := sender.client.Do(request)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, answer.Body) // it is empty
			_ = answer.Body.Close()
			cancel()
		}
	})
}
