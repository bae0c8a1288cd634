package deliver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/altertabletest"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/reject"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is Rows in memory.
type memory struct {
	rows  []record.Row
	chunk int
	at    func(position int64) // called before each chunk; nil: not
	fails int64                // reading ends with an error before this position; 0: it does not
}

func (m *memory) Read(ctx context.Context, position int64, yield func([]record.Row) error) error {
	for from := int(position); from < len(m.rows); {
		to := min(from+max(m.chunk, 1), len(m.rows))
		if m.fails > 0 && int64(to) > m.fails {
			return io.ErrUnexpectedEOF
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.at != nil {
			m.at(int64(from))
		}
		if err := yield(m.rows[from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// tracks returns so many events, of a user each. Their names are e0, e1, and so on.
func tracks(n int) *memory {
	m := &memory{chunk: 60}
	for i := range n {
		m.add(record.Track, fmt.Sprintf(`{"event":"e%d","distinct_id":"u%d","properties":{"$event_id":"id-%d"},"timestamp":"2024-01-01T00:00:00Z"}`, i, i%10, i), "")
	}
	return m
}

func (m *memory) add(endpoint, message, reason string) {
	n := int64(len(m.rows))
	m.rows = append(m.rows, record.Row{Position: n, Number: n + 1, Endpoint: endpoint, Message: []byte(message), Reason: reason})
}

// An importer is an import of rows into a server, with its files.
type importer struct {
	t        *testing.T
	dir      string
	srv      *altertabletest.Server
	rows     *memory
	o        Options
	counters Counters
}

func newImporter(t *testing.T, rows *memory, opts ...altertabletest.Option) *importer {
	srv := altertabletest.NewServer(opts...)
	t.Cleanup(srv.Close)
	return &importer{t: t, dir: t.TempDir(), srv: srv, rows: rows, o: Options{
		Key: altertabletest.APIKey, BaseURL: srv.URL, httpClient: srv.HTTPClient(),
		Logger: slog.New(slog.DiscardHandler), batchSize: 20,
	}}
}

func (i *importer) path() string        { return filepath.Join(i.dir, "users.csv.import-state") }
func (i *importer) rejectsPath() string { return filepath.Join(i.dir, "users.csv.rejects.ndjson") }

func (i *importer) about() state.Import {
	return state.Import{Source: "users.csv", Rows: int64(len(i.rows.rows)), Digest: "d", Engine: "1", Mapping: "m", Target: i.srv.URL, Key: "k"}
}

func (i *importer) run(ctx context.Context) (Result, error) {
	i.t.Helper()
	return i.runWith(ctx, context.Background(), nil)
}

// files are those of a run.
type files struct {
	state   *state.State
	rejects *reject.File
}

// runWith runs an import, and lets opened see its files first.
func (i *importer) runWith(ctx, stop context.Context, opened func(*files)) (Result, error) {
	i.t.Helper()
	st, err := state.Open(i.path(), i.about())
	require.NoError(i.t, err)
	defer st.Close()
	rejects, err := reject.Open(i.rejectsPath(), st.Last().Rejects, st.Last().RejectsSum)
	require.NoError(i.t, err)
	defer rejects.Close()
	if opened != nil {
		opened(&files{st, rejects})
	}
	i.counters = Counters{}
	return Run(ctx, stop, i.rows, st, rejects, i.o, &i.counters)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// onRequest lets f handle requests; next reaches the server.
func (i *importer) onRequest(f func(next http.RoundTripper, r *http.Request) (*http.Response, error)) {
	next := i.srv.HTTPClient().Transport
	i.o.httpClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) { return f(next, r) })}
}

// arrived counts the events of each name that the server has.
func (i *importer) arrived() map[string]int {
	all := map[string]int{}
	for _, e := range i.srv.Events() {
		all[e.Event]++
	}
	return all
}

func (i *importer) rejected() string {
	text, err := os.ReadFile(i.rejectsPath())
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(i.t, err)
	return string(text)
}

// copyAll copies what a request sends.
func copyAll(to io.Writer, from io.ReadCloser) (int64, error) {
	defer from.Close()
	return io.Copy(to, from)
}
