package server

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
	var said []string
	log := func(sentence string) { said = append(said, sentence) }
	j := newJournal(log)
	replayed := func() (counts []int, events string) {
		require.NoError(t, j.replay(func(b batch) error {
			counts = append(counts, b.count)
			events += string(b.events) + ";"
			return nil
		}))
		return counts, events
	}
	j.add(2, []byte("first"))
	j.add(0, nil)
	j.add(1, []byte("second"))
	for range 2 {
		counts, events := replayed()
		assert.Equal(t, []int{2, 1}, counts)
		assert.Equal(t, "first;second;", events)
	}
	j.forget()
	j.add(3, []byte("third"))
	counts, events := replayed()
	assert.Equal(t, []int{3}, counts)
	assert.Equal(t, "third;", events)
	assert.ErrorIs(t, j.replay(func(batch) error { return errEnded }), errEnded)
	assert.Empty(t, said)
	require.NoError(t, j.close())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, files)
	assert.Error(t, j.replay(func(batch) error { return nil }))

	// What no file takes is there all the same.
	j.forget()
	buffer := []byte("fourth")
	j.add(4, buffer)
	copy(buffer, "others")
	j.add(5, []byte("fifth"))
	counts, events = replayed()
	assert.Equal(t, []int{4, 5}, counts)
	assert.Equal(t, "fourth;fifth;", events)
	assert.Len(t, said, 1)
	assert.ErrorIs(t, j.replay(func(batch) error { return errEnded }), errEnded)
	j.forget()
	counts, _ = replayed()
	assert.Empty(t, counts)

	t.Setenv("TMPDIR", dir+"/none")
	t.Setenv("TMP", dir+"/none")
	j = newJournal(log)
	assert.Len(t, said, 2)
	assert.Contains(t, said[1], "no temporary file for the events")
	j.add(6, []byte("sixth"))
	counts, _ = replayed()
	assert.Equal(t, []int{6}, counts)
	require.NoError(t, j.close())
}
