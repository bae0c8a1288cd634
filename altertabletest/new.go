package altertabletest

import (
	"log/slog"
	"testing"

	"github.com/altertable-ai/altertable-go"
)

// APIKey is the key of a client that New makes. It opens nothing.
const APIKey = "altertabletest-key"

// New returns a client wired to a new server in memory. Both are closed when
// the test ends, the client first; faults and Down end before, so that a test
// of them does not wait for Close. The client's key is APIKey. The options are
// the client's; those that say where it sends, WithBaseURL and WithHTTPClient,
// override the wiring. Its warnings are discarded, unless WithLogger says
// otherwise. It works inside a testing/synctest bubble as well as outside. It
// fails the test if an option is out of range.
//
// A Flush whose context has no deadline waits for a server that is down. If it
// still does when a tenth of the time of go test's -timeout is left, the test
// fails with a sentence that says so, the client is shut down, and Flush returns
// its error. WaitEvents and WaitRequests end when they have used nine tenths of
// the time. In virtual time Flush returns when the messages are given up, after
// WithRetry's MaxElapsed.
func New(t testing.TB, opts ...altertable.Option) (*altertable.Client, *Server) {
	t.Helper()
	srv := NewServer()
	t.Cleanup(srv.Close)
	wiring := []altertable.Option{
		altertable.WithBaseURL(srv.URL),
		altertable.WithHTTPClient(srv.HTTPClient()),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
	}
	client, err := altertable.New(APIKey, append(wiring, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	deadline := deadlineOf(t)
	srv.mu.Lock()
	srv.client, srv.deadline = client, deadline
	srv.mu.Unlock()
	w := watchDeadline(t, client, srv, deadline)
	t.Cleanup(func() {
		if spoke := w.stop(); !spoke && t.Failed() {
			explain(t, client, srv)
		}
		srv.Up() // else Close would wait for a server that is down
		srv.ClearFaults()
		_ = client.Close() // the test's Flush or Shutdown tells what was lost
	})
	return client, srv
}

// explain says in the log of a failed test that messages could not arrive.
func explain(t testing.TB, client *altertable.Client, srv *Server) {
	t.Helper()
	st := client.Stats()
	if n, why := st.Queued+st.Failed+st.Dropped, srv.obstruction(); n > 0 && why != "" {
		t.Logf("altertabletest: %s did not arrive: %s", count(int(n), "message"), why)
	}
}
