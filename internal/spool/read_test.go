package spool

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadGivesAMessageAtLeast(t *testing.T) {
	s, _ := open(t, t.TempDir())
	put(t, s, "e0", strings.Repeat("x", 10_000), "e2")
	var sizes []int
	for len(sizes) < 3 {
		messages, err := s.Read(1)
		require.NoError(t, err)
		require.NotEmpty(t, messages)
		again, err := s.Read(1)
		require.NoError(t, err)
		assert.Equal(t, refs(messages), refs(again), "they are unread until Advance")
		s.Advance(&messages[0])
		sizes = append(sizes, len(names(messages)[0]))
	}
	assert.Equal(t, []int{2, 10_000, 2}, sizes)
	assert.Zero(t, s.Unread())
}

// Reading goes over lines of other kinds, and over damaged ones.
func TestReadSkipsWhatIsNoMessage(t *testing.T) {
	s, _ := open(t, t.TempDir())
	for _, m := range put(t, s, numbered(10)...) {
		s.Advance(&m)
		if m.Ref.seq%2 == 0 {
			s.Done([]Ref{m.Ref})
		}
	}
	put(t, s, "new")
	messages, err := s.Read(1)
	require.NoError(t, err)
	assert.Equal(t, []string{"new"}, names(messages))
}

func TestSkipUnreadable(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, path string)
		read  []string // in spite of it
		files int      // in the end: the lock and the new one among them
		cause error
	}{
		"damaged": {func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			text[bytes.Index(text, []byte(`"e3"`))] = 'x'
			require.NoError(t, os.WriteFile(path, text, 0o600))
		}, []string{"e0", "e1", "e2", "e4"}, 3, errDamaged},
		"removed": {func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, nil, 2, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stranded(t, dir, numbered(5)...)
			s, _ := open(t, dir)
			path := s.segments[0].path()
			test.spoil(t, path)
			put(t, s, "new")
			var read []string
			messages, err := s.Read(1 << 10)
			for ; err == nil; messages, err = s.Read(1 << 10) {
				for i := range messages {
					s.Advance(&messages[i])
				}
				read = append(read, names(messages)...)
			}
			assert.Equal(t, test.read, read)
			skipped := s.SkipUnreadable(err)
			assert.Equal(t, 5-len(read), skipped.Count)
			assert.Equal(t, int64(5-len(read))*int64(len(message("e0").JSON)), skipped.Bytes)
			assert.True(t, IsLost(err))
			assert.ErrorIs(t, skipped.Err, test.cause)
			assert.Equal(t, "read", skipped.Err.Op)
			assert.Equal(t, path, skipped.Err.Path)
			assert.Equal(t, []string{"new"}, names(take(t, s)))
			assert.Equal(t, 1+len(read), s.live, "what is lost takes no room")
			s.Close()
			assert.Len(t, files(t, dir), test.files)
		})
	}
}

// What is appended after a file was skipped is in another one, and is read.
func TestAppendAfterSkip(t *testing.T) {
	s, _ := open(t, t.TempDir())
	put(t, s, "e0")
	require.NoError(t, os.Truncate(s.segments[0].path(), 100))
	_, err := s.Read(1 << 10)
	require.Error(t, err)
	assert.Equal(t, 1, s.SkipUnreadable(err).Count)
	put(t, s, "e1")
	assert.Equal(t, []string{"e1"}, names(take(t, s)))
}

func TestRemoved(t *testing.T) {
	dir := t.TempDir()
	s, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10}) // a file is full at 256 bytes
	messages := put(t, s, numbered(20)...)
	for i := range messages[:10] {
		s.Advance(&messages[i])
	}
	require.Greater(t, len(s.segments), 5)
	assert.Empty(t, s.Removed())
	first := messages[0].Ref.segment
	last := messages[19].Ref.segment
	for _, segment := range s.segments {
		if segment != first && segment != last {
			require.NoError(t, os.Remove(segment.path()))
		}
	}
	skipped := s.Removed()
	assert.Empty(t, s.Troubles(), "the directory is there")
	lost := 0
	for _, of := range skipped {
		assert.ErrorIs(t, of.Err, fs.ErrNotExist)
		lost += of.Count
	}
	for i, m := range messages {
		gone := !m.Ref.SameFile(messages[0].Ref) && !m.Ref.SameFile(messages[19].Ref)
		assert.Equal(t, gone, m.Ref.Gone())
		if gone && i >= 10 {
			lost--
		}
	}
	assert.Zero(t, lost)
	assert.Positive(t, len(skipped))
	left := take(t, s)
	assert.Equal(t, "e19", names(left)[len(left)-1])
	for _, m := range left {
		assert.Equal(t, last, m.Ref.segment)
	}
}

func TestRemovedDirectoryIsMadeAgain(t *testing.T) {
	skipWhereOpenFilesStay(t)
	s, _ := open(t, t.TempDir())
	messages := put(t, s, "e0")
	require.NoError(t, os.RemoveAll(s.instance.path))
	removed := s.instance.path
	assert.Empty(t, s.Removed())
	assert.Equal(t, []error{&Error{"find", removed, fs.ErrNotExist}}, s.Troubles())
	assert.False(t, messages[0].Ref.Gone(), "its file was open")
	assert.FileExists(t, s.segments[0].path())
}

func TestLastIdentify(t *testing.T) {
	dir := t.TempDir()
	dead, _ := open(t, dir)
	put(t, dead, "e0")
	for _, seconds := range []int{5, 9, 7} {
		m := Message{Endpoint: Identify, Accepted: start.Add(time.Duration(seconds) * time.Second), At: time.Duration(seconds) * time.Second, JSON: []byte("{}")}
		require.NoError(t, dead.Append(&m))
		if seconds == 9 {
			dead.Done([]Ref{m.Ref})
		}
	}
	assert.True(t, dead.LastIdentify().IsZero(), "it is about adopted files")
	dead.Close()
	s, _ := open(t, dir)
	assert.Equal(t, start.Add(9*time.Second), s.LastIdentify())
}

// Messages of an own segment have the owner's time, whatever the wall clock did since.
func TestAges(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second, 5 * time.Second}
	step := []time.Duration{0, 900 * time.Millisecond, -900 * time.Millisecond, time.Hour, time.Hour - time.Second}
	for i, at := range want {
		m := message(numbered(5)[i])
		m.At, m.Accepted = at, start.Add(at+step[i])
		require.NoError(t, s.Append(&m))
	}
	assert.Len(t, s.segments, 2, "the clock was set by an hour")
	for i, m := range take(t, s) {
		assert.False(t, m.Adopted)
		assert.InDelta(t, want[i], m.At, float64(time.Second))
		assert.True(t, m.Accepted.Equal(start.Add(want[i]+step[i])))
	}
	s.Close()
	next, _ := open(t, dir)
	for _, m := range take(t, next) {
		assert.True(t, m.Adopted)
		assert.Zero(t, m.At)
	}
}

// What was cut off is lost, and what stands before it is read.
func TestFileIsTruncated(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, numbered(5)...)
	s, _ := open(t, dir)
	path := s.segments[0].path()
	require.NoError(t, os.Truncate(path, s.segments[0].size-10))
	messages, err := s.Read(1 << 10)
	require.NoError(t, err)
	assert.Equal(t, numbered(4), names(messages))
	for i := range messages {
		s.Advance(&messages[i])
	}
	_, err = s.Read(1 << 10)
	require.Error(t, err)
	assert.True(t, IsLost(err))
	assert.Equal(t, 1, s.SkipUnreadable(err).Count)
	s.Done(refs(messages))
	assert.Empty(t, s.segments)
	assert.Len(t, s.damaged, 1)
	assert.NoFileExists(t, path)
}

func TestPostpone(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10}
	dead, _ := openWith(t, cfg)
	for i, name := range numbered(6) {
		put(t, dead, name)
		if i%2 == 1 {
			dead.sealCurrent()
		}
	}
	dead.Close()
	s, _ := openWith(t, cfg)
	require.Len(t, s.segments, 3)
	path := s.segments[0].path()
	hide := func() {
		require.NoError(t, os.Rename(path, path+"-hidden"))
		require.NoError(t, os.Mkdir(path, 0o700)) // is not provably ours
	}
	hide()
	_, err := s.Read(1 << 10)
	require.Error(t, err)
	assert.False(t, IsLost(err))
	require.True(t, s.Postpone())
	put(t, s, "e6")
	var read []string
	for len(read) < 5 {
		messages, err := s.Read(1 << 10)
		if err != nil {
			require.True(t, s.Postpone())
			continue
		}
		for i := range messages {
			s.Advance(&messages[i])
		}
		read = append(read, names(messages)...)
	}
	assert.Equal(t, []string{"e2", "e3", "e4", "e5", "e6"}, read)
	_, err = s.Read(1 << 10)
	require.Error(t, err)
	assert.False(t, s.Postpone(), "there is no other")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Rename(path+"-hidden", path))
	assert.Equal(t, []string{"e0", "e1"}, names(take(t, s)), "they were unread all the time")
}

// The file that is written to is postponed like any other, and what comes later
// is in another one.
func TestPostponeTheCurrentFile(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, "e0")
	s, _ := open(t, dir)
	s.Advance(&put(t, s, "e1")[0])
	s.Done(nil)
	put(t, s, "e2")
	adopted := s.segments[0]
	s.segments[0], s.segments[1] = s.segments[1], adopted
	require.True(t, s.Postpone())
	assert.Nil(t, s.current)
	put(t, s, "e3")
	assert.Equal(t, []string{"e0", "e2", "e3"}, names(take(t, s)))
}

// What comes after a file was postponed is read after it.
func TestPostponedGoesBeforeWhatComesLater(t *testing.T) {
	s, _ := open(t, t.TempDir())
	put(t, s, "e0")
	s.sealCurrent()
	put(t, s, "e1")
	require.True(t, s.Postpone())
	put(t, s, "e2")
	assert.Equal(t, []string{"e1", "e0", "e2"}, names(take(t, s)))
}

// A file is not postponed for others that cannot be read either.
func TestPostponeProbes(t *testing.T) {
	dir := t.TempDir()
	dead, _ := open(t, dir)
	for _, name := range numbered(3) {
		put(t, dead, name)
		dead.sealCurrent()
	}
	dead.Close()
	s, _ := open(t, dir)
	for _, segment := range s.segments {
		require.NoError(t, os.Remove(segment.path()))
		require.NoError(t, os.Mkdir(segment.path(), 0o700)) // is not provably ours
	}
	assert.False(t, s.Postpone())
}
