package altertable_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
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

func TestSpoolIsEmptyAfterDelivery(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	client, srv, l := newSpoolClient(t, dir)
	track(t, client, numbered(250)...)
	identify(t, client, "u_1")
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, client.Close())
	assert.Len(t, srv.Events(), 250)
	assert.Empty(t, files(t, dir))
	l.settle(t, client, append(numbered(250), "u_1")...)
}

func TestNextClientDelivers(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, numbered(300)...)
	client, srv, l := newSpoolClient(t, dir)
	assert.EqualValues(t, 300, client.Stats().Accepted, "adopted by New")
	track(t, client, "new")
	require.NoError(t, client.Flush(t.Context()))
	assert.ElementsMatch(t, append(numbered(300), "new"), stored(srv))
	require.NoError(t, client.Close())
	assert.Empty(t, files(t, dir))
	l.settle(t, client, append(numbered(300), "new")...)
}

func TestDeliveredMessagesAreNotAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir, altertable.WithMaxBatchSize(1))
		srv.Always(altertabletest.Hang().MatchBody(contains("e1", "e3")))
		track(t, client, numbered(5)...)
		pass(2 * time.Second)
		assert.ElementsMatch(t, []string{"e0", "e2", "e4"}, stored(srv))
		require.NoError(t, client.Shutdown(within(t, time.Millisecond)))
		next, srv2, _ := newSpoolClient(t, dir)
		require.NoError(t, next.Flush(t.Context()))
		assert.Equal(t, []string{"e1", "e3"}, stored(srv2))
	})
}

func TestLivingClientsAndOtherTenantsAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, "e0")
	other, srv, _ := newSpoolClient(t, dir, altertable.WithBaseURL("http://localhost/other"))
	assert.Zero(t, other.Stats().Accepted)
	first, _, _ := newSpoolClient(t, dir)
	second, _, _ := newSpoolClient(t, dir)
	assert.EqualValues(t, 1, first.Stats().Accepted+second.Stats().Accepted, "by one of them")
	require.NoError(t, second.Close())
	require.NoError(t, first.Close())
	require.NoError(t, other.Close())
	assert.Empty(t, srv.Events())
	assert.Empty(t, files(t, dir))
}

// Clients that come and go at once do not tear each other's houses down.
func TestManyClientsShareADirectory(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, numbered(50)...)
	srv := altertabletest.NewServer()
	defer srv.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				client, err := altertable.New("altertabletest-key", altertable.WithBaseURL("http://localhost"), altertable.WithHTTPClient(srv.HTTPClient()), altertable.WithSpool(dir))
				if assert.NoError(t, err) {
					assert.NoError(t, client.Track(t.Context(), event("new")))
					assert.NoError(t, client.Close())
				}
			}
		})
	}
	wg.Wait()
	assert.Len(t, srv.Events(), 50+160)
	assert.Empty(t, files(t, dir))
}

func TestDiskIsBounded(t *testing.T) {
	for overflow, name := range map[altertable.Overflow]string{altertable.DropNewest: "DropNewest", altertable.DropOldest: "DropOldest", altertable.Block: "Block"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				client, srv, l := newClient(t, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)), altertable.WithOverflow(overflow), altertable.WithMaxBatchSize(10))
				down := srv.Always(altertabletest.Status(503))
				var accepted []string
				for _, name := range numbered(1000) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					if err := client.Track(ctx, event(name)); err == nil {
						accepted = append(accepted, name)
					} else {
						require.ErrorIs(t, err, altertable.ErrQueueFull)
					}
					cancel()
				}
				var size int64
				for _, path := range files(t, dir) {
					info, err := os.Stat(path)
					require.NoError(t, err)
					size += info.Size()
				}
				assert.LessOrEqual(t, size, int64(64<<10))
				assert.Greater(t, size, int64(32<<10))
				switch overflow {
				case altertable.DropOldest:
					assert.Len(t, accepted, 1000)
					assert.Equal(t, "e0", l.lostSoFar()[0])
				default:
					assert.Less(t, len(accepted), 500)
				}
				down.Release()
				require.NoError(t, client.Flush(t.Context()))
				l.settle(t, client, accepted...)
			})
		})
	}
}

func TestDamagedFiles(t *testing.T) {
	for name, damage := range map[string]struct {
		change func([]byte) []byte
		lost   int
	}{
		"torn tail":     {func(text []byte) []byte { return text[:len(text)-7] }, 1},
		"flipped byte":  {func(text []byte) []byte { text[len(text)/2] ^= 4; return text }, 1},
		"lost newline":  {func(text []byte) []byte { text[bytes.LastIndexByte(text[:len(text)-1], '\n')] = 'x'; return text }, 2},
		"truncated":     {func(text []byte) []byte { return text[:len(text)/2] }, 6},
		"empty":         {func([]byte) []byte { return nil }, 10},
		"foreign":       {func([]byte) []byte { return []byte("something else\n") }, 10},
		"other version": {func(text []byte) []byte { return bytes.Replace(text, []byte(" 1 "), []byte(" 9 "), 1) }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stranded(t, dir, numbered(10)...)
			path := segments(t, dir)[0]
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, damage.change(text), 0o600))
			client, srv, l := newSpoolClient(t, dir)
			track(t, client, "new")
			require.NoError(t, client.Flush(t.Context()))
			require.NoError(t, client.Close())
			arrived := len(srv.Events()) - 1
			assert.GreaterOrEqual(t, arrived, 10-damage.lost)
			assert.Less(t, arrived, 10)
			require.Len(t, l.errs, 1)
			var spool *altertable.SpoolError
			require.ErrorAs(t, l.errs[0], &spool)
			left := files(t, dir)
			require.Len(t, left, 1)
			assert.True(t, strings.HasSuffix(left[0], ".damaged"), "set aside")
			again, _, l := newSpoolClient(t, dir)
			require.NoError(t, again.Close())
			assert.Empty(t, l.errs, "reported once")
		})
	}
}

func TestMessageLargerThanTheDisksBound(t *testing.T) {
	client, _, _ := newClient(t, altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(1024)), altertable.WithOverflow(altertable.Block))
	assert.ErrorIs(t, client.Track(t.Context(), event(strings.Repeat("x", 1000))), altertable.ErrTooLarge)
	track(t, client, "e")
	require.NoError(t, client.Close())
}

func TestForeignFilesAreReportedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o600))
	client, srv, l := newSpoolClient(t, dir)
	track(t, client, "e0")
	require.NoError(t, client.Close())
	assert.Len(t, srv.Events(), 1)
	assert.Len(t, l.errs, 1)
	assert.Equal(t, []string{filepath.Join(dir, "notes.txt")}, files(t, dir))
}

func TestDirectoryIsRemovedWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		client, srv, _ := newSpoolClient(t, dir, altertable.WithFlushInterval(time.Hour))
		track(t, client, "e0")
		require.NoError(t, os.RemoveAll(dir))
		pass(2 * time.Second)
		var spool *altertable.SpoolError
		require.ErrorAs(t, client.Track(t.Context(), event("e1")), &spool, "a clear error")
		track(t, client, "e2")
		assert.NotEmpty(t, segments(t, dir), "a new house")
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, []string{"e0", "e2"}, stored(srv))
		require.NoError(t, client.Close())
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

// What Shutdown leaves on disk is not delivered, and is not waited for.
func TestFlushAndShutdownLeaveMessagesOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir())
		srv.Always(altertabletest.Status(503))
		track(t, client, numbered(3)...)
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(context.Background()) }()
		synctest.Wait()
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		err := <-flushed
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		assert.Equal(t, 3, undelivered.Count)
		assert.ErrorIs(t, err, altertable.ErrClosed)
		require.NoError(t, client.Flush(context.Background()), "after Close")
		assert.EqualValues(t, 3, client.Stats().Queued)
	})
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
	for name, options := range map[string][]altertable.Option{
		"none":  nil,
		"spool": {altertable.WithSpool(b.TempDir())},
		"sync":  {altertable.WithSpool(b.TempDir(), altertable.SpoolSync())},
	} {
		b.Run(name, func(b *testing.B) {
			client := newBenchClient(b, discard{}, options...)
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
