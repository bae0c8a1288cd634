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
)

func TestALongStateIsWrittenAnew(t *testing.T) {
	path := newPath(t)
	i := about
	i.Messages = 1_000_000
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
		"JSON":            {"{\"messages\":1}\n", "is not the state of an import"},
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
	require.ErrorContains(t, err, "cannot be written: its directory does not exist")
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
	require.EqualError(t, err, fmt.Sprintf("%s cannot be written: permission denied: name another file with -state, which notes what was delivered", filepath.Join(dir, "state")))
}

func TestSentencesOfRefusals(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{syscall.EACCES, "s cannot be written: permission denied"},
		{&os.PathError{Op: "open", Path: "s", Err: syscall.EROFS}, "s cannot be written: read-only file system"},
		{&os.PathError{Op: "open", Path: "s", Err: syscall.EMFILE}, "s cannot be written: too many open files"},
	} {
		assert.EqualError(t, Unwritten("s", test.err), test.want+": name another file with -state, which notes what was delivered")
	}
	s := State{path: "s"}
	assert.EqualError(t, s.told(&os.PathError{Op: "write", Path: "s", Err: syscall.ENOSPC}),
		"s cannot be written: no space left on device: run the same command again, which sends again what was delivered since it was written last")
}

// Somebody has deleted the file, or put another one in its place, while it is written.
func TestAFileThatIsTakenAwayIsWrittenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.csv.import-state")
	about := Import{Source: "users.csv", Messages: 10, Digest: "d"}
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

func TestRejectsBeside(t *testing.T) {
	for _, want := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "s")
		_, known := RejectsBeside(path)
		assert.False(t, known)
		i := about
		i.RejectsBeside = want
		s, err := Open(path, i)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		i.RejectsBeside = !want
		s, err = Open(path, i)
		require.NoError(t, err, "it may differ")
		require.NoError(t, s.Close())
		beside, known := RejectsBeside(path)
		assert.True(t, known)
		assert.Equal(t, want, beside, "the first run has chosen")
	}
	for _, text := range []string{"", "garbage", "{}\n", `{"altertable_import":99,"rejects_beside":true}` + "\n"} {
		path := filepath.Join(t.TempDir(), "s")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, known := RejectsBeside(path)
		assert.False(t, known, text)
	}
}
