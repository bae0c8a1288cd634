package altertable_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// newKeyClient returns a client with a key and URL of its own on a server in
// memory, and the ledger of its reports.
func newKeyClient(t *testing.T, key, url string, srv http.RoundTripper, opts ...altertable.Option) (*altertable.Client, *ledger) {
	t.Helper()
	l := new(ledger)
	client, err := altertable.New(key, append(append(l.options(), altertable.WithBaseURL(url), altertable.WithHTTPClient(&http.Client{Transport: srv})), opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() }) // the test has closed it, if it did not fail
	return client, l
}

// keyed notes with which keys requests come.
type keyed struct {
	next http.RoundTripper

	mu   sync.Mutex
	keys []string
}

func (k *keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	k.mu.Lock()
	k.keys = append(k.keys, r.Header.Get("X-API-Key"))
	k.mu.Unlock()
	return k.next.RoundTrip(r)
}

func (k *keyed) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string{}, k.keys...)
}

const spoolURL = "http://localhost"

// strandedAs leaves messages on disk, as a client with that key and spool does in an outage.
func strandedAs(t *testing.T, key, url string, spool altertable.Option, names ...string) {
	t.Helper()
	srv := altertabletest.NewServer()
	t.Cleanup(srv.Close)
	srv.Always(altertabletest.Status(503))
	client, _ := newKeyClient(t, key, url, srv.HTTPClient().Transport, spool)
	track(t, client, names...)
	require.NoError(t, client.Shutdown(within(t, 50*time.Millisecond)), "they are on disk")
}

// What the old key left goes out under the new one.
func TestRotatedKeyDeliversWhatTheOldOneLeft(t *testing.T) {
	for name, next := range map[string]struct{ key, url string }{
		"another key":     {"new-key", spoolURL},
		"another URL":     {"old-key", "https://elsewhere"},
		"both are others": {"new-key", "https://elsewhere"},
		"the same":        {"old-key", spoolURL},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				named := altertable.WithSpool(dir, altertable.SpoolName("service"))
				strandedAs(t, "old-key", spoolURL, named, numbered(5)...)
				srv := altertabletest.NewServer()
				defer srv.Close()
				keys := &keyed{next: srv.HTTPClient().Transport}
				client, l := newKeyClient(t, next.key, next.url, keys, named)
				assert.EqualValues(t, 5, client.Stats().Accepted)
				require.NoError(t, client.Flush(t.Context()))
				assert.ElementsMatch(t, numbered(5), stored(srv))
				for _, key := range keys.all() {
					assert.Equal(t, next.key, key)
				}
				require.NoError(t, client.Close())
				assert.Empty(t, l.errs)
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// A name is a tenant of its own.
func TestNameSeparatesTenants(t *testing.T) {
	for name, spools := range map[string][2][]altertable.SpoolOption{
		"a client without the name": {{altertable.SpoolName("service")}, nil},
		"a client with a name":      {nil, {altertable.SpoolName("service")}},
		"another name":              {{altertable.SpoolName("service")}, {altertable.SpoolName("other")}},
		"a longer name":             {{altertable.SpoolName("service")}, {altertable.SpoolName("service-2")}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				left := altertable.WithSpool(dir, spools[0]...)
				strandedAs(t, "key", spoolURL, left, numbered(5)...)
				srv := altertabletest.NewServer()
				defer srv.Close()
				client, _ := newKeyClient(t, "key", spoolURL, srv.HTTPClient().Transport, altertable.WithSpool(dir, spools[1]...))
				pass(5 * time.Minute)
				assert.Zero(t, client.Stats().Accepted)
				require.NoError(t, client.Close())
				assert.Empty(t, srv.Events())
				again, _ := newKeyClient(t, "key", spoolURL, srv.HTTPClient().Transport, left)
				require.NoError(t, again.Close())
				assert.ElementsMatch(t, numbered(5), stored(srv))
			})
		})
	}
}

func TestNameOutOfRange(t *testing.T) {
	_, err := altertable.New("key", altertable.WithSpool(t.TempDir(), altertable.SpoolName("")))
	var config *altertable.ConfigError
	require.ErrorAs(t, err, &config)
}

// spoolWarnings returns the lines that speak of files which were not adopted.
func spoolWarnings(j *journal) (all []string) {
	for _, e := range j.about("") {
		if e.level >= slog.LevelWarn {
			all = append(all, fmt.Sprint(e.text, " ", e.attrs))
		}
	}
	return all
}

// New warns once of what lies there for no client, so that a rotated key or
// another user is no silence: how many files, and how old.
func TestWarningOfWhatMayNotBeAdopted(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []string{"a-secret", "b-secret", "c-secret"} {
		strandedAs(t, key, spoolURL, altertable.WithSpool(dir), numbered(5)...)
	}
	old := time.Now().Add(-49*time.Hour - time.Minute)
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, old, old)
	}))
	living := altertabletest.NewServer()
	defer living.Close()
	living.Always(altertabletest.Hang())
	other, _ := newKeyClient(t, "living-secret", spoolURL, living.HTTPClient().Transport, altertable.WithSpool(dir))
	track(t, other, "alive") // not left by anybody
	j := new(journal)
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := newKeyClient(t, "key", spoolURL, srv.HTTPClient().Transport, altertable.WithSpool(dir), altertable.WithLogger(slog.New(j)))
	track(t, client, "new")
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, client.Close())
	warnings := spoolWarnings(j)
	require.Len(t, warnings, 1)
	assert.Regexp(t, regexp.MustCompile(`\b3\b`), warnings[0], "files")
	assert.Regexp(t, regexp.MustCompile(`\b(49h|2d|2 days)`), warnings[0], "their age")
	assert.NotContains(t, warnings[0], "secret")
	require.NoError(t, other.Shutdown(within(t, time.Millisecond)))
	assert.Len(t, instances(t, dir), 4, "all is left alone")
}

func TestNoWarningWhereAllMayBeAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		stranded(t, dir, numbered(5)...)
		j := new(journal)
		client, _, _ := newSpoolClient(t, dir, altertable.WithLogger(slog.New(j)))
		second, _, _ := newSpoolClient(t, dir, altertable.WithLogger(slog.New(j)))
		pass(time.Hour)
		require.NoError(t, client.Close())
		require.NoError(t, second.Close())
		assert.Empty(t, spoolWarnings(j))
	})
}

// The shell replaces a tilde, and nothing else does: a directory of that name
// would be made in the working directory.
func TestDirectoryBeginsWithATilde(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"~", "~/spool", "~user/spool", `~\spool`} {
		_, err := altertable.New("key", altertable.WithSpool(dir))
		var config *altertable.ConfigError
		require.ErrorAs(t, err, &config, dir)
		assert.Contains(t, err.Error(), "WithSpool")
		assert.Greater(t, strings.Count(err.Error(), " "), 5, "a sentence that says what to do: %s", err)
		assert.Contains(t, err.Error(), "~")
	}
	assert.Empty(t, files(t, "."))
	client, err := altertable.New("key", altertable.WithSpool(filepath.Join(".", "a~b")))
	require.NoError(t, err)
	require.NoError(t, client.Close())
}

// A slash at the end of the base URL makes no other tenant.
func TestSlashAfterTheBaseURL(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, "e0")
	client, srv, _ := newSpoolClient(t, dir, altertable.WithBaseURL("http://localhost/"))
	require.NoError(t, client.Close())
	assert.Equal(t, []string{"e0"}, stored(srv))
}
