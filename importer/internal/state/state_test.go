package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var about = Import{
	Source: "users.csv", Rows: 100, Digest: "d1", Engine: "1.5", Mapping: "m1", Target: "https://api.example.com", Key: "hash",
	Flags: map[string]string{"as": "track", "since": "2024-01-01", "sql": "SELECT 'secret'"},
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "users.csv.import-state") }

func mustOpen(t *testing.T, path string, i Import) *State {
	t.Helper()
	s, err := Open(path, i)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestAStateIsWhatWasNoted(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path, about)
	assert.Zero(t, s.Next())
	assert.False(t, s.Done(0))
	assert.EqualValues(t, 100, s.Rows())
	n := Note{Delivered: 7, Bytes: 700, Seconds: 1.5, Rejects: 12, Rejected: map[string]int64{"no timestamp": 2}, Issued: 40, Twice: 3, Chain: "abc"}
	n.Done = []Range{{20, 24}, {0, 1}}
	require.NoError(t, s.Note(n))
	n.Done = []Range{{2, 3}, {30, 30}, {25, 25}}
	require.NoError(t, s.Note(n))
	check := func(s *State) {
		assert.EqualValues(t, 4, s.Next())
		for p, want := range map[int64]bool{0: true, 3: true, 4: false, 19: false, 20: true, 25: true, 26: false, 30: true, 31: false, 99: false, 1000: false} {
			assert.Equal(t, want, s.Done(p), "%d", p)
		}
		assert.Equal(t, []Range{{20, 25}, {30, 30}}, s.Ahead())
		want := n
		want.Done = nil
		assert.Equal(t, want, s.Last())
	}
	check(s)
	assert.Zero(t, s.Unsure(), "it is about the runs before")
	require.NoError(t, s.Close())
	again := mustOpen(t, path, about)
	check(again)
	assert.EqualValues(t, 40-11, again.Unsure(), "issued, and not done")
	assert.False(t, again.Finished())
	require.NoError(t, again.Close())
	require.NoError(t, again.Close(), "again")
	assert.Error(t, again.Note(n), "after Close")
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1, "no other files")
}

func TestAKilledProcessHasWhatItNoted(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path, about)
	require.NoError(t, s.Note(Note{Done: []Range{{0, 9}}, Delivered: 10}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	whole := strings.LastIndex(strings.TrimSuffix(string(text), "\n"), "\n") + 1
	for cut := whole; cut < len(text); cut++ {
		other := newPath(t)
		require.NoError(t, os.WriteFile(other, text[:cut], 0o600))
		torn := mustOpen(t, other, about)
		assert.Zero(t, torn.Next(), "a torn line does not count")
		require.NoError(t, torn.Note(Note{Done: []Range{{0, 4}}, Delivered: 5}))
		require.NoError(t, torn.Close())
		assert.EqualValues(t, 5, mustOpen(t, other, about).Next(), "and is not in the way")
	}
	zeros := newPath(t)
	require.NoError(t, os.WriteFile(zeros, append(text, make([]byte, 4096)...), 0o600))
	cut := mustOpen(t, zeros, about)
	assert.EqualValues(t, 10, cut.Next(), "after a power cut a file may end with zeros")
	require.NoError(t, cut.Note(Note{Done: []Range{{10, 19}}}))
	require.NoError(t, cut.Close())
	assert.EqualValues(t, 20, mustOpen(t, zeros, about).Next(), "which are cut off")
	empty := newPath(t)
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	assert.Zero(t, mustOpen(t, empty, about).Next())
}

func TestALongStateIsWrittenAnew(t *testing.T) {
	path := newPath(t)
	i := about
	i.Rows = 1_000_000
	s := mustOpen(t, path, i)
	most := int64(0)
	for p := int64(0); p < 100_000; p += 20 {
		require.NoError(t, s.Note(Note{Done: []Range{{p + 10, p + 19}}, Issued: p + 20}))
		require.NoError(t, s.Note(Note{Done: []Range{{p, p + 9}}, Issued: p + 20, Delivered: p + 20}))
		info, err := os.Stat(path)
		require.NoError(t, err)
		most = max(most, info.Size())
	}
	assert.Less(t, most, int64(110<<10))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm()&0o666)
	require.NoError(t, s.Close())
	again := mustOpen(t, path, i)
	assert.EqualValues(t, 100_000, again.Next())
	assert.EqualValues(t, 100_000, again.Last().Delivered)
}

func TestAFinishedImport(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path, about)
	require.NoError(t, s.Note(Note{Done: []Range{{0, 99}}, Delivered: 100}))
	require.NoError(t, s.Finish())
	require.NoError(t, s.Finish())
	require.NoError(t, s.Close())
	again := mustOpen(t, path, about)
	assert.True(t, again.Finished())
	assert.EqualValues(t, 100, again.Next())
	assert.EqualValues(t, 100, again.Last().Delivered)
	require.NoError(t, again.Close())
	changed := about
	changed.Rows = 101
	_, err := Open(path, changed)
	var e *ChangedError
	require.ErrorAs(t, err, &e)
	assert.EqualValues(t, 100, e.Next)
}

func TestAnotherImportRuns(t *testing.T) {
	path := newPath(t)
	first := mustOpen(t, path, about)
	for range 3 {
		_, err := Open(path, about)
		require.EqualError(t, err, path+" is in use: another import runs on it; wait for its end, or name another file with -state")
	}
	link := path + "-link"
	if os.Symlink(path, link) == nil {
		_, err := Open(link, about)
		require.ErrorContains(t, err, "is in use")
	}
	require.NoError(t, first.Close())
	require.NoError(t, mustOpen(t, path, about).Close())
}

func TestManyOpenAtOnce(t *testing.T) {
	path := newPath(t)
	results := make(chan bool)
	inside := make(chan struct{}, 1) // holds at most one
	for range 8 {
		go func() {
			ok := true
			for range 50 {
				s, err := Open(path, about)
				if err != nil {
					continue
				}
				select {
				case inside <- struct{}{}:
				default:
					ok = false // somebody else is
				}
				<-inside
				ok = s.Close() == nil && ok
			}
			results <- ok
		}()
	}
	for range 8 {
		assert.True(t, <-results, "two had the lock")
	}
}

func TestInMemory(t *testing.T) {
	s := mustOpen(t, "", about)
	require.NoError(t, s.Note(Note{Done: []Range{{0, 9}}}))
	assert.EqualValues(t, 10, s.Next())
	require.NoError(t, s.Finish())
	require.NoError(t, s.Close())
	forced, err := Force("", about, 0)
	require.NoError(t, err)
	require.NoError(t, forced.Close())
}

func TestFilesThatAreNoState(t *testing.T) {
	s := mustOpen(t, newPath(t), about)
	require.NoError(t, s.Note(Note{Done: []Range{{0, 9}}}))
	text, err := os.ReadFile(s.path)
	require.NoError(t, err)
	head, _, _ := strings.Cut(string(text), "\n")
	for name, test := range map[string]struct{ text, want string }{
		"a source":        {"id,name\n1,Ada\n", "is not the state of an import; name another file with -state"},
		"binary":          {"PAR1\x00\x00", "is not the state of an import"},
		"torn header":     {head[:20], "is not the state of an import"},
		"JSON":            {"{\"rows\":1}\n", "is not the state of an import"},
		"newer":           {`{"altertable_import":2}` + "\n", "is of a newer version of this command"},
		"damaged":         {head + "\n{}\nxx\n{}\n", "is damaged in line 3; delete it"},
		"behind the end":  {head + "\n" + `{"done":[0,100]}` + "\n", "is damaged in line 2"},
		"wrong way round": {head + "\n" + `{"done":[5,4]}` + "\n", "is damaged in line 2"},
		"half a range":    {head + "\n" + `{"done":[5]}` + "\n", "is damaged in line 2"},
		"negative":        {head + "\n" + `{"done":[-1,4]}` + "\n", "is damaged in line 2"},
		"issued too much": {head + "\n" + `{"issued":101}` + "\n", "is damaged in line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			require.NoError(t, os.WriteFile(path, []byte(test.text), 0o600))
			_, err := Open(path, about)
			require.ErrorContains(t, err, test.want)
			assert.Contains(t, err.Error(), path)
			_, err = Force(path, about, 0)
			require.Error(t, err, "-force does not help")
			now, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, test.text, string(now), "it is left alone")
			_, err = os.Stat(path + ".lock")
			assert.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

func TestPlacesWhereNoStateCanBe(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir, about)
	require.ErrorContains(t, err, "is no file; name another one with -state")
	_, err = Open(filepath.Join(dir, "none", "state"), about)
	require.ErrorContains(t, err, "there is no directory for")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(filepath.Join(file, "state"), about)
	require.ErrorContains(t, err, "-state")
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600) == nil {
		t.Skip("this user may write anywhere")
	}
	_, err = Open(filepath.Join(dir, "state"), about)
	require.EqualError(t, err, fmt.Sprintf("no permission to write %s: name a file elsewhere with -state", filepath.Join(dir, "state")))
}

func TestSentencesOfRefusals(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{os.ErrPermission, "no permission to write s: name a file elsewhere with -state"},
		{&os.PathError{Op: "open", Path: "s", Err: syscall.EROFS}, "no permission to write s: name a file elsewhere with -state"},
		{&os.PathError{Op: "open", Path: "s", Err: syscall.EMFILE}, "s cannot be opened: too many open files; name a file elsewhere with -state"},
	} {
		assert.EqualError(t, refused("s", test.err), test.want)
	}
	s := State{path: "s"}
	assert.EqualError(t, s.told(&os.PathError{Op: "write", Path: "s", Err: syscall.ENOSPC}),
		"s cannot be written: no space left on device; what was delivered since it was written last is sent again by the next run")
}

// Somebody has deleted the file, or put another one in its place, while it is written.
func TestAFileThatIsTakenAwayIsWrittenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.csv.import-state")
	about := Import{Source: "users.csv", Rows: 10, Digest: "d"}
	s, err := Open(path, about)
	require.NoError(t, err)
	require.NoError(t, s.Note(Note{Done: []Range{{0, 3}}, Delivered: 4}))
	if err := os.Remove(path); err != nil {
		t.Skip("an open file cannot be removed")
	}
	require.NoError(t, s.Note(Note{Done: []Range{{4, 4}}, Delivered: 5}))
	require.NoError(t, s.Close())
	s, err = Open(path, about)
	require.NoError(t, err)
	assert.EqualValues(t, 5, s.Next())
	assert.EqualValues(t, 5, s.Last().Delivered)

	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, s.Note(Note{Done: []Range{{5, 5}}, Delivered: 6}))
	require.ErrorContains(t, s.Close(), "cannot be written")
}
