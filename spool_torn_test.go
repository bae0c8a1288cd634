package altertable_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A client that is killed while it makes a file leaves a part of the header.
// Nothing was accepted into that file, so there is nothing to tell.
func TestFileWithAPartOfItsHeader(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, "e0")
	text, err := os.ReadFile(segments(t, dir)[0])
	require.NoError(t, err)
	header := text[:bytes.IndexByte(text, '\n')]
	for _, size := range []int{0, 1, 10, len(header) - 1, len(header)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				stranded(t, dir, "e0")
				instance := filepath.Dir(segments(t, dir)[0])
				for _, name := range []string{"00000000.spool", "00009999.spool"} {
					require.NoError(t, os.WriteFile(filepath.Join(instance, name), header[:size], 0o600))
				}
				client, srv, l := newSpoolClient(t, dir)
				track(t, client, "e1")
				require.NoError(t, client.Close())
				assert.ElementsMatch(t, numbered(2), stored(srv))
				assert.Empty(t, l.errs)
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// Nothing but such a file is left by one that is killed before its first message.
func TestOnlyAFileWithAPartOfItsHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		stranded(t, dir, "e0")
		require.NoError(t, os.Truncate(segments(t, dir)[0], 5))
		client, srv, l := newSpoolClient(t, dir)
		assert.Zero(t, client.Stats().Accepted)
		require.NoError(t, client.Close())
		assert.Empty(t, srv.Events())
		assert.Empty(t, l.errs)
		assert.Empty(t, files(t, dir))
	})
}

// damage changes a byte in the middle of the only segment.
func damage(t *testing.T, dir string) {
	t.Helper()
	all := segments(t, dir)
	require.Len(t, all, 1)
	text, err := os.ReadFile(all[0])
	require.NoError(t, err)
	text[len(text)/2] ^= 4
	require.NoError(t, os.WriteFile(all[0], text, 0o600))
}

// Damaged files are personal data, too: they count against the bound, the oldest
// go first, and somebody is told.
func TestDamagedFilesAreBounded(t *testing.T) {
	const bound, rounds = 64 << 10, 12
	dir := t.TempDir()
	small := altertable.WithSpool(dir, altertable.SpoolMaxBytes(bound))
	now := time.Now()
	var newest string
	var reported []string
	for round := range rounds {
		synctest.Test(t, func(t *testing.T) {
			dead, srv, _ := newSpoolClient(t, dir)
			srv.Always(altertabletest.Status(503))
			track(t, dead, "e0", strings.Repeat("x", 8<<10), strings.Repeat("y", 1<<10), "e3")
			require.NoError(t, dead.Shutdown(within(t, time.Millisecond)))
			known := map[string]bool{}
			for _, path := range damaged(t, dir) {
				known[path] = true
			}
			damage(t, dir)
			client, srv, l := newSpoolClient(t, dir, small)
			require.NoError(t, client.Track(t.Context(), event("new")), "there is room")
			_ = client.Flush(t.Context()) // which tells that a message was lost, or not
			require.NoError(t, client.Close())
			assert.ElementsMatch(t, []string{"e0", strings.Repeat("y", 1<<10), "e3", "new"}, stored(srv))
			assert.LessOrEqual(t, totalSize(t, dir), int64(bound))
			for _, path := range damaged(t, dir) {
				if !known[path] {
					newest = path
				}
				delete(known, path)
			}
			for _, trouble := range l.troubles() {
				if filepath.Ext(trouble.Path) == ".damaged" {
					reported = append(reported, trouble.Path)
				}
			}
			for path := range known {
				assert.Contains(t, reported, path, "it is gone")
			}
		})
		require.NotEmpty(t, newest)
		age := time.Duration(rounds-round) * time.Hour
		require.NoError(t, os.Chtimes(newest, now.Add(-age), now.Add(-age)))
	}
	left := damaged(t, dir)
	assert.Greater(t, len(left), 3)
	for _, path := range left {
		info, err := os.Stat(path)
		require.NoError(t, err)
		age := now.Sub(info.ModTime()).Round(time.Hour)
		assert.LessOrEqual(t, age, time.Duration(len(left))*time.Hour, "the newest are left")
	}
}

// What is kept of them makes way for messages.
func TestDamagedFilesMakeWayForMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		stranded(t, dir, "e0", strings.Repeat("x", 8<<10), "e2")
		damage(t, dir)
		client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(16<<10)))
		_ = client.Flush(t.Context()) // which tells that a message was lost, or not
		require.Len(t, damaged(t, dir), 1)
		srv.Always(altertabletest.Status(503))
		accepted := 0
		for client.Track(t.Context(), event(strings.Repeat("z", 100))) == nil {
			accepted++
			require.LessOrEqual(t, totalSize(t, dir), int64(16<<10))
		}
		pass(time.Second)
		assert.Empty(t, damaged(t, dir))
		assert.Greater(t, accepted, 30)
		var reported []string
		for _, trouble := range l.troubles() {
			reported = append(reported, filepath.Ext(trouble.Path))
		}
		assert.Contains(t, reported, ".damaged", "it is gone")
		require.NoError(t, client.Shutdown(within(t, time.Second)))
	})
}

// They do not stay for ever.
func TestDamagedFilesAreRemovedAfterAMonth(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, numbered(3)...)
	damage(t, dir)
	client, _, _ := newSpoolClient(t, dir)
	require.NoError(t, client.Close())
	old := damaged(t, dir)
	require.Len(t, old, 1)
	for name, age := range map[string]time.Duration{"a month": 31 * 24 * time.Hour, "a day": 24 * time.Hour} {
		path := strings.Replace(old[0], ".spool", "-"+strings.ReplaceAll(name, " ", "-")+".spool", 1)
		text, err := os.ReadFile(old[0])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		require.NoError(t, os.Chtimes(path, time.Now().Add(-age), time.Now().Add(-age)))
	}
	require.Len(t, damaged(t, dir), 3)
	client, _, l := newSpoolClient(t, dir)
	require.NoError(t, client.Close())
	left := damaged(t, dir)
	assert.Len(t, left, 2)
	for _, path := range left {
		assert.NotContains(t, path, "a-month")
	}
	require.Len(t, l.troubles(), 1)
	assert.Contains(t, l.troubles()[0].Path, "a-month")
}
