package altertable_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

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
