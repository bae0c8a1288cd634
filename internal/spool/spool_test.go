package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tenant = "f8668e205f644c425661ed87ece4cf01"

// start is when the first message of a test is accepted.
var start = time.UnixMicro(1_795_559_525_396_289)

// open opens a spool below dir that is closed with the test.
func open(t testing.TB, dir string) (s *Spool, troubles []error) {
	t.Helper()
	return openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 30})
}

func openWith(t testing.TB, cfg Config) (s *Spool, troubles []error) {
	t.Helper()
	s, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, s.Troubles()
}

// message returns a track of that name.
func message(name string) Message {
	return Message{Endpoint: Track, Accepted: start, Environment: "production",
		JSON: fmt.Appendf(nil, `{"environment":"production","event":%q}`, name)}
}

// later returns a track that is accepted some seconds after the first.
func later(name string, seconds int) Message {
	m := message(name)
	m.At = time.Duration(seconds) * time.Second
	m.Accepted = m.Accepted.Add(m.At)
	return m
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("e%d", i))
	}
	return names
}

// put appends tracks of those names.
func put(t testing.TB, s *Spool, names ...string) (messages []Message) {
	t.Helper()
	for _, name := range names {
		m := message(name)
		require.NoError(t, s.Append(&m))
		messages = append(messages, m)
	}
	return messages
}

// take reads all that is unread.
func take(t testing.TB, s *Spool) (messages []Message) {
	t.Helper()
	for {
		some, err := s.Read(1 << 10)
		require.NoError(t, err)
		if len(some) == 0 {
			return messages
		}
		for i := range some {
			s.Advance(&some[i])
		}
		messages = append(messages, some...)
	}
}

func refs(messages []Message) (all []Ref) {
	for _, m := range messages {
		all = append(all, m.Ref)
	}
	return all
}

// names returns what put got for those messages.
func names(messages []Message) (all []string) {
	for _, m := range messages {
		var name string
		_, _ = fmt.Sscanf(string(m.JSON), `{"environment":"production","event":%q`, &name) // "" fails the test
		all = append(all, name)
	}
	return all
}

// stranded leaves messages in dir, as a client does that ends in an outage, and
// returns the paths of their files.
func stranded(t testing.TB, dir string, names ...string) (paths []string) {
	t.Helper()
	s, _ := open(t, dir)
	put(t, s, names...)
	for _, segment := range s.segments {
		paths = append(paths, segment.path())
	}
	s.Close()
	return paths
}

// leaveLock makes the lock file that a dead client leaves. Without one, a directory
// is a living client's until it is old, where the system cannot lock it.
func leaveLock(t testing.TB, instance string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(instance, lockName), nil, 0o600))
}

// skipWhereOpenFilesStay skips a test that removes or renames what a client has open.
func skipWhereOpenFilesStay(t testing.TB) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows refuses this while a client has the lock file open")
	}
}

// files returns the paths below dir.
func files(t testing.TB, dir string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	}))
	return all
}

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	s, troubles := open(t, t.TempDir())
	assert.Empty(t, troubles)
	want := []Message{
		message("e0"),
		{Endpoint: Identify, Accepted: start.Add(time.Second), At: time.Second, JSON: []byte(`{"environment":"staging","distinct_id":"u_1"}`), Environment: "staging"},
		{Endpoint: Alias, Accepted: start.Add(-time.Hour), JSON: []byte(`{"distinct_id":"u_1"}`)},
	}
	var size int64
	for i := range want {
		require.NoError(t, s.Append(&want[i]))
		size += int64(len(want[i].JSON))
	}
	assert.Equal(t, Tally{Count: 3, Bytes: size, Identifies: 1}, s.Unread())
	got := take(t, s)
	for i := range got {
		got[i].next = want[i].next
	}
	assert.Equal(t, want, got)
	assert.Equal(t, Tally{}, s.Unread())
	assert.Empty(t, take(t, s))
}

func TestAdvanceAfterAppend(t *testing.T) {
	s, _ := open(t, t.TempDir())
	first := put(t, s, "e0")
	s.Advance(&first[0])
	put(t, s, "e1")
	assert.Equal(t, []string{"e1"}, names(take(t, s)))
}

func TestFilesLeaveTheDisk(t *testing.T) {
	dir := t.TempDir()
	s, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10}) // a file is full at 256 bytes
	put(t, s, numbered(20)...)
	messages := take(t, s)
	all := refs(messages)
	before := len(files(t, dir))
	require.Greater(t, before, 5)
	room := s.Room()
	assert.False(t, s.Done([]Ref{all[0]}), "others are in its file")
	assert.Len(t, files(t, dir), before)
	select {
	case <-room:
		t.Error("nothing has left the disk")
	default:
	}
	rest := all[1:]
	slices.Reverse(rest)
	assert.True(t, s.Done(rest))
	<-room
	s.Close()
	assert.Empty(t, files(t, dir))
}

func TestMessagesWithAnOutcomeAreNotAdopted(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	all := refs(put(t, s, numbered(8)...))
	s.Done([]Ref{all[5], all[1], all[0], all[6], all[3]})
	s.Close()
	next, _ := open(t, dir)
	assert.Equal(t, []string{"e2", "e4", "e7"}, names(take(t, next)))
}

func TestDiskIsBounded(t *testing.T) {
	const bound = 8 << 10
	dir := t.TempDir()
	s, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: bound})
	fill := func() (all []Ref) {
		for {
			m := message("e")
			if err := s.Append(&m); err != nil {
				require.ErrorIs(t, err, ErrFull)
				return all
			}
			all = append(all, m.Ref)
		}
	}
	for range 3 {
		all := fill()
		require.Greater(t, len(all), 30)
		for i := 0; i < len(all); i += 2 { // every other outcome has a note of its own
			s.Done([]Ref{all[i]})
		}
		var size int64
		for _, path := range files(t, dir) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			size += info.Size()
		}
		assert.LessOrEqual(t, size, int64(bound))
		assert.Equal(t, size, s.bytes)
		for i := 1; i < len(all); i += 2 {
			s.Done([]Ref{all[i]})
		}
		assert.Zero(t, s.live)
	}
}

// A message that could not be written is not on disk, and the next one goes to another file.
func TestFileCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	put(t, s, "e0")
	require.NoError(t, s.segments[0].file.Close())
	m := message("e1")
	var trouble *Error
	require.ErrorAs(t, s.Append(&m), &trouble)
	assert.Equal(t, "write", trouble.Op)
	assert.Equal(t, s.segments[0].path(), trouble.Path)
	put(t, s, "e2")
	assert.Len(t, s.segments, 2)
	s.Close()
	next, _ := open(t, dir)
	assert.Equal(t, []string{"e0", "e2"}, names(take(t, next)))
}

func TestDirectoryCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := Open(Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 20})
		require.Error(t, err)
	}
}

func TestRelativeDirectory(t *testing.T) {
	begin, elsewhere := t.TempDir(), t.TempDir()
	t.Chdir(begin)
	s, _ := openWith(t, Config{Dir: "spool", Tenant: tenant, MaxBytes: 1 << 20, Sync: true})
	t.Chdir(elsewhere)
	put(t, s, "e0")
	assert.Len(t, files(t, filepath.Join(begin, "spool")), 2, "the lock, and a file")
	assert.Empty(t, files(t, elsewhere))
}

func TestErrorNamesTheFileAlone(t *testing.T) {
	cause := errors.New("no")
	err := &Error{"write", filepath.Join("a", "b"), cause}
	assert.Equal(t, "spool: write b: no", err.Error())
	assert.ErrorIs(t, err, cause)
}

// What is withdrawn is not read. What is unread before it still is.
func TestWithdraw(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	put(t, s, "e0", "e1")
	s.Withdraw(&put(t, s, "e2")[0])
	put(t, s, "e3")
	s.Withdraw(&put(t, s, "e4")[0])
	assert.Equal(t, 3, s.Unread().Count)
	assert.Equal(t, []string{"e0", "e1", "e3"}, names(take(t, s)))
	s.Withdraw(&put(t, s, "e5")[0])
	put(t, s, "e6")
	assert.Equal(t, []string{"e6"}, names(take(t, s)))
	s.Close()
	next, troubles := open(t, dir)
	assert.Empty(t, troubles)
	assert.Equal(t, []string{"e0", "e1", "e3", "e6"}, names(take(t, next)))
}
