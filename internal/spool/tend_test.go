package spool

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What clients left that died since comes behind what is there already, and
// before what is appended later.
func TestTendAdopts(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Tenant: tenant, MaxBytes: 64 << 10}
	s, _ := openWith(t, cfg)
	first, _ := openWith(t, cfg)
	put(t, first, "d0", "d1")
	put(t, s, "e0")
	second, _ := openWith(t, cfg)
	put(t, second, "d2")
	m := Message{Endpoint: Identify, Accepted: start, JSON: []byte("{}")}
	require.NoError(t, second.Append(&m))
	assert.Zero(t, s.Tend(), "they live")
	second.Close()
	first.Close()
	adopted := s.Tend()
	assert.Equal(t, Tally{4, int64(3*len(message("d0").JSON) + 2), 1}, adopted)
	assert.Equal(t, start, s.LastIdentify())
	assert.Zero(t, s.Tend())
	put(t, s, "e1")
	messages := take(t, s)
	var got []string
	for _, m := range messages {
		got = append(got, fmt.Sprint(m.Adopted, len(m.JSON)))
	}
	assert.Equal(t, []string{"e0", "d0", "d1", "d2"}, names(messages[:4]))
	assert.True(t, messages[4].Adopted)
	assert.Equal(t, []string{"e1"}, names(messages[5:]))
	assert.False(t, messages[5].Adopted, got)
	assert.Empty(t, s.Troubles())
	s.Done(refs(messages))
	s.Close()
	assert.Empty(t, files(t, dir))
}

// A client does not fill its bound with what others left.
func TestTendAdoptsHalfOfWhatFits(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10} // a file is full at 256 bytes
	s, _ := openWith(t, cfg)
	dead, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 32 << 10})
	put(t, dead, numbered(150)...)
	require.Greater(t, dead.Bytes(), int64(10<<10))
	dead.Close()
	var got []string
	for rounds := 0; len(got) < 150; rounds++ {
		require.Less(t, rounds, 5)
		adopted := s.Tend()
		assert.Positive(t, adopted.Count)
		assert.Less(t, s.Bytes(), cfg.MaxBytes/2+1<<10)
		assert.Zero(t, s.Tend())
		messages := take(t, s)
		got = append(got, names(messages)...)
		assert.Len(t, messages, adopted.Count)
		s.Done(refs(messages))
	}
	assert.Equal(t, numbered(150), got)
	assert.NoDirExists(t, dead.instance.path)
	assert.Empty(t, s.Troubles())
}

func TestTendFindsARemovedDirectory(t *testing.T) {
	skipWhereOpenFilesStay(t)
	dir := filepath.Join(t.TempDir(), "spool")
	s, _ := open(t, dir)
	put(t, s, "e0")
	removed := s.instance.path
	require.NoError(t, os.RemoveAll(dir))
	assert.Zero(t, s.Tend())
	assert.Equal(t, []error{&Error{"find", removed, fs.ErrNotExist}}, s.Troubles())
	assert.FileExists(t, s.segments[0].path())
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	s.Tend()
	s.Tend()
	troubles := s.Troubles()
	require.Len(t, troubles, 1, "it is told of once")
	var trouble *Error
	require.ErrorAs(t, troubles[0], &trouble)
	assert.Equal(t, "rebuild", trouble.Op)
	require.NoError(t, os.Remove(dir))
	s.Tend()
	assert.Equal(t, []string{"e0"}, names(take(t, s)))
	assert.FileExists(t, s.segments[0].path())
}
