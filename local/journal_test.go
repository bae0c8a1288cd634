package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	j, err := newJournal()
	require.NoError(t, err)
	replayed := func() (counts []int, events string) {
		require.NoError(t, j.replay(func(b batch) error {
			counts = append(counts, b.count)
			events += string(b.events) + ";"
			return nil
		}))
		return counts, events
	}
	require.NoError(t, j.add(2, []byte("first")))
	require.NoError(t, j.add(0, nil))
	require.NoError(t, j.add(1, []byte("second")))
	for range 2 {
		counts, events := replayed()
		assert.Equal(t, []int{2, 1}, counts)
		assert.Equal(t, "first;second;", events)
	}
	require.NoError(t, j.forget())
	require.NoError(t, j.add(3, []byte("third")))
	counts, events := replayed()
	assert.Equal(t, []int{3}, counts)
	assert.Equal(t, "third;", events)
	assert.ErrorIs(t, j.replay(func(batch) error { return errEnded }), errEnded)
	require.NoError(t, j.close())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, files)

	assert.ErrorContains(t, j.add(1, []byte("closed")), "cannot be kept")
	assert.Error(t, j.replay(func(batch) error { return nil }))
	t.Setenv("TMPDIR", dir+"/none")
	t.Setenv("TMP", dir+"/none")
	_, err = openDatabase("")
	assert.ErrorContains(t, err, "no temporary file for the events")
}
