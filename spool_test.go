package altertable_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// files returns the files below dir.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	}))
	return all
}

func segments(t *testing.T, dir string) (all []string) {
	t.Helper()
	for _, path := range files(t, dir) {
		if filepath.Ext(path) == ".spool" {
			all = append(all, path)
		}
	}
	return all
}

// newSpoolClient is newClient with a spool below dir, and the same URL for all.
func newSpoolClient(t *testing.T, dir string, opts ...altertable.Option) (*altertable.Client, *altertabletest.Server, *ledger) {
	t.Helper()
	return newClient(t, append([]altertable.Option{altertable.WithBaseURL("http://localhost"), altertable.WithSpool(dir)}, opts...)...)
}

// skipWhereOpenFilesStay skips a test that removes what a client has open.
func skipWhereOpenFilesStay(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows refuses this while a client has the lock file open")
	}
}

// stranded leaves messages on disk, as a client does that is shut down in an outage.
func stranded(t *testing.T, dir string, names ...string) {
	t.Helper()
	client, srv, _ := newSpoolClient(t, dir)
	srv.Always(altertabletest.Status(503))
	track(t, client, names...)
	require.NoError(t, client.Shutdown(within(t, 50*time.Millisecond)), "they are on disk")
	assert.EqualValues(t, len(names), client.Stats().Queued)
	require.NotEmpty(t, segments(t, dir))
}

// instances returns the directories in which clients keep their files.
func instances(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() {
			all = append(all, filepath.Join(dir, entry.Name()))
		}
	}
	return all
}

// onlyInstance returns the one that there is.
func onlyInstance(t *testing.T, dir string) string {
	t.Helper()
	all := instances(t, dir)
	require.Len(t, all, 1)
	return all[0]
}

// troubles returns the reports on the spool's files.
func (l *ledger) troubles() (all []*altertable.SpoolError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.errs {
		var trouble *altertable.SpoolError
		if errors.As(err, &trouble) {
			all = append(all, trouble)
		}
	}
	return all
}

// manyFiles bounds the spool so that each file has few messages: to read the
// next one is to open one.
func manyFiles(dir string) altertable.Option {
	return altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10))
}

// unreadClient returns a client that has accepted n messages, most of which are
// in files that are to be read, while the server is down.
func unreadClient(t *testing.T, dir string, n int) (client *altertable.Client, srv *altertabletest.Server, l *ledger, down *altertabletest.Rule) {
	t.Helper()
	client, srv, l = newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(5))
	down = srv.Always(altertabletest.Status(503))
	track(t, client, numbered(n)...)
	return client, srv, l, down
}

// damaged returns the files that were set aside.
func damaged(t *testing.T, dir string) (all []string) {
	t.Helper()
	for _, path := range files(t, dir) {
		if filepath.Ext(path) == ".damaged" {
			all = append(all, path)
		}
	}
	return all
}

func totalSize(t *testing.T, dir string) (size int64) {
	t.Helper()
	for _, path := range files(t, dir) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		size += info.Size()
	}
	return size
}

// tear cuts the end of the last line off the only segment.
func tear(t *testing.T, dir string) {
	t.Helper()
	all := segments(t, dir)
	require.Len(t, all, 1)
	info, err := os.Stat(all[0])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(all[0], info.Size()-7))
}

func TestSpoolIsEmptyAfterDelivery(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	client, srv, l := newSpoolClient(t, dir)
	track(t, client, numbered(250)...)
	identify(t, client, "u_1")
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, client.Close())
	assert.ErrorIs(t, client.Track(t.Context(), event("late")), altertable.ErrClosed)
	assert.EqualValues(t, 1, client.Stats().Rejected)
	assert.Len(t, srv.Events(), 250)
	assert.Empty(t, files(t, dir))
	l.settle(t, client, append(numbered(250), "u_1")...)
}

func TestDirectoryIsRemovedWhileRunning(t *testing.T) {
	skipWhereOpenFilesStay(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		client, srv, l := newSpoolClient(t, dir, altertable.WithFlushInterval(time.Hour))
		track(t, client, "e0")
		require.NoError(t, os.RemoveAll(dir))
		pass(2 * time.Second)
		track(t, client, "e1")
		assert.NotEmpty(t, segments(t, dir), "a new instance")
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, []string{"e0", "e1"}, stored(srv))
		require.Len(t, l.errs, 1, "told")
		var spool *altertable.SpoolError
		require.ErrorAs(t, l.errs[0], &spool)
		assert.ErrorIs(t, spool, fs.ErrNotExist)
		require.NoError(t, client.Close())
	})
}

func TestShutdownAfterTheDirectoryWasRemoved(t *testing.T) {
	skipWhereOpenFilesStay(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		client, srv, _ := newSpoolClient(t, dir)
		srv.Always(altertabletest.Status(503))
		track(t, client, numbered(5)...)
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, client.Shutdown(within(t, time.Second)), "they are on disk again")
		next, srv, _ := newSpoolClient(t, dir)
		require.NoError(t, next.Close())
		assert.Equal(t, numbered(5), stored(srv))
	})
}

// What is in files of which no client has an open one is lost with them, but not in silence.
func TestFilesAreRemovedWhileRunning(t *testing.T) {
	skipWhereOpenFilesStay(t)
	for name, end := range map[string]func(*testing.T, *altertable.Client) error{
		"Shutdown": func(t *testing.T, c *altertable.Client) error { return c.Shutdown(within(t, time.Second)) },
		"Flush":    func(t *testing.T, c *altertable.Client) error { return c.Flush(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "spool")
				client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)), altertable.WithMaxQueueSize(20))
				down := srv.Always(altertabletest.Status(503))
				track(t, client, numbered(100)...)
				require.NoError(t, os.RemoveAll(dir))
				if name == "Flush" {
					down.Release()
				}
				var undelivered *altertable.UndeliveredError
				require.ErrorAs(t, end(t, client), &undelivered)
				require.NoError(t, client.Close())
				s := client.Stats()
				assert.Equal(t, s.Accepted, s.Delivered+s.Failed+s.Dropped+s.Queued)
				assert.EqualValues(t, undelivered.Count, s.Dropped)
				assert.NotEmpty(t, l.errs)
				next, srv2, _ := newSpoolClient(t, dir)
				assert.Equal(t, s.Queued, next.Stats().Accepted)
				require.NoError(t, next.Close())
				assert.EqualValues(t, s.Queued, len(srv2.Events()))
			})
		})
	}
}

func TestDirectoryCannotBeMadeAgain(t *testing.T) {
	skipWhereOpenFilesStay(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		client, srv, _ := newSpoolClient(t, dir)
		track(t, client, "e0")
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.WriteFile(dir, nil, 0o600))
		pass(2 * time.Second)
		var spool *altertable.SpoolError
		err := client.Track(t.Context(), event("e1"))
		require.ErrorAs(t, err, &spool)
		assert.Equal(t, "altertable: Track: "+strings.TrimPrefix(spool.Error(), "altertable: "), err.Error())
		require.NoError(t, os.Remove(dir))
		track(t, client, "e2")
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.WriteFile(dir, nil, 0o600))
		pass(2 * time.Second)
		require.ErrorAs(t, client.Track(t.Context(), event("e3")), &spool)
		assert.EqualValues(t, 2, client.Stats().Rejected)
		require.NoError(t, client.Close())
		assert.Equal(t, []string{"e0", "e2"}, stored(srv))
	})
}

func TestSpoolOptionsOutOfRange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, option := range []altertable.Option{
		altertable.WithSpool(""), altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(100)), altertable.WithSpool(file), altertable.WithSpool(filepath.Join(file, "below")),
	} {
		_, err := altertable.New("key", option)
		var config *altertable.ConfigError
		require.ErrorAs(t, err, &config)
	}
	dir := filepath.Join(t.TempDir(), "none")
	client, err := altertable.New("key", altertable.WithSpool(dir), altertable.WithDisabled(true))
	require.NoError(t, err)
	track(t, client, "e")
	require.NoError(t, client.Close())
	assert.NoDirExists(t, dir)
}

func TestSpoolFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	stranded(t, dir, "e0")
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, path)
		if !d.IsDir() {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.NotContains(t, string(text), "altertabletest-key")
		}
		return nil
	}))
}

func TestSpoolSync(t *testing.T) {
	client, srv, l := newClient(t, altertable.WithSpool(t.TempDir(), altertable.SpoolSync()))
	track(t, client, numbered(20)...)
	require.NoError(t, client.Close())
	assert.Len(t, srv.Events(), 20)
	l.settle(t, client, numbered(20)...)
}

// BenchmarkTrackSpool is the call with a spool, beside the one without.
func BenchmarkTrackSpool(b *testing.B) {
	for _, kind := range []struct {
		name    string
		options []altertable.Option
	}{
		{"none", nil},
		{"spool", []altertable.Option{altertable.WithSpool(b.TempDir())}},
		{"sync", []altertable.Option{altertable.WithSpool(b.TempDir(), altertable.SpoolSync())}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			client := newBenchClient(b, discard{}, kind.options...)
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Track(b.Context(), checkout); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecovery is New and the delivery of a million messages that a dead client left.
func BenchmarkRecovery(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		dead := newBenchClient(b, hung{}, altertable.WithSpool(dir))
		for range 1_000_000 {
			require.NoError(b, dead.Track(b.Context(), checkout))
		}
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		require.NoError(b, dead.Shutdown(ctx))
		b.StartTimer()
		client := newBenchClient(b, discard{}, altertable.WithSpool(dir))
		require.NoError(b, client.Flush(b.Context()))
		require.EqualValues(b, 1_000_000, client.Stats().Delivered)
	}
}

// BenchmarkShortLivedProcess is a process that leaves one event with SpoolWriteOnly,
// beside one that does nothing. They take turns, and the metric is the difference
// of the medians.
func BenchmarkShortLivedProcess(b *testing.B) {
	dir := b.TempDir()
	spent := map[string][]float64{}
	for _, program := range []string{"empty", "track"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, program), "./testdata/shortlived/"+program).CombinedOutput()
		require.NoError(b, err, "%s", out)
	}
	for b.Loop() {
		for _, program := range []string{"empty", "track"} {
			start := time.Now()
			out, err := exec.Command(filepath.Join(dir, program), filepath.Join(dir, "spool")).CombinedOutput()
			spent[program] = append(spent[program], time.Since(start).Seconds()*1000)
			require.NoError(b, err, "%s", out)
		}
	}
	median := func(program string) float64 {
		all := slices.Sorted(slices.Values(spent[program]))
		return all[len(all)/2]
	}
	b.ReportMetric(median("empty"), "ms/empty")
	b.ReportMetric(median("track"), "ms/track")
	b.ReportMetric(median("track")-median("empty"), "ms/difference")
}
