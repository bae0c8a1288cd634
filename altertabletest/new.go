package altertabletest

import (
	"log/slog"
	"testing"

	"github.com/altertable-ai/altertable-go"
)

// apiKey is the key of a client that New makes. It opens nothing.
const apiKey = "altertabletest-key"

// New returns a client wired to a new server in memory. Both are closed when
// the test ends, the client first; faults and Down end before, so that a test
// of them does not wait for Close. The options are the client's; those that
// say where it sends, WithBaseURL and WithHTTPClient, override the wiring.
// Its warnings are discarded, unless WithLogger says otherwise. It works inside a
// testing/synctest bubble as well as outside. It fails the test if an option is out of range.
func New(t testing.TB, opts ...altertable.Option) (*altertable.Client, *Server) {
	t.Helper()
	srv := NewServer()
	t.Cleanup(srv.Close)
	wiring := []altertable.Option{
		altertable.WithBaseURL(srv.URL),
		altertable.WithHTTPClient(srv.HTTPClient()),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
	}
	client, err := altertable.New(apiKey, append(wiring, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Up() // else Close would wait for a server that is down
		srv.ClearFaults()
		_ = client.Close() // the test's Flush or Shutdown tells what was lost
	})
	return client, srv
}
