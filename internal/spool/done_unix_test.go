//go:build unix && !aix && !solaris

package spool

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file that cannot be removed takes room until it can, and does not come back.
func TestFileCannotBeRemoved(t *testing.T) {
	asNobody(t, nil, func(dir string) {
		s, _ := open(t, dir)
		messages := put(t, s, "e0", "e1")
		s.sealCurrent()
		messages = append(messages, put(t, s, "e2")...)
		all, path, size := refs(messages), s.segments[0].path(), s.segments[0].size
		require.NoError(t, os.Chmod(s.instance.path, 0o500))
		room := s.Room()
		assert.False(t, s.Done([]Ref{all[0], all[1]}))
		troubles := s.Troubles()
		require.Len(t, troubles, 1)
		var trouble *Error
		require.ErrorAs(t, troubles[0], &trouble)
		assert.Equal(t, "remove", trouble.Op)
		assert.Equal(t, path, trouble.Path)
		assert.Greater(t, s.Bytes(), size+s.segments[0].size, "with its note")
		s.Tend()
		assert.Empty(t, s.Troubles(), "it is told of once")
		abandonedCopy(t, dir, s.instance.name)
		require.NoError(t, os.Chmod(s.instance.path, 0o700))
		s.Tend()
		select {
		case <-room:
		default:
			t.Error("there is room")
		}
		assert.Equal(t, s.segments[0].size, s.Bytes())
		assert.NoFileExists(t, path)
	})
}

// abandonedCopy checks that of the files of an instance the next client adopts e2 alone.
func abandonedCopy(t *testing.T, dir, name string) {
	t.Helper()
	another := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(another, name), os.DirFS(filepath.Join(dir, name))))
	s, troubles := open(t, another)
	defer s.Close()
	assert.Empty(t, troubles)
	assert.Equal(t, []string{"e2"}, names(take(t, s)))
}

// The next Done that removes a file tries again what could not be removed.
func TestFileIsRemovedByALaterDone(t *testing.T) {
	asNobody(t, nil, func(dir string) {
		s, _ := open(t, dir)
		all := refs(put(t, s, "e0"))
		s.sealCurrent()
		all = append(all, refs(put(t, s, "e1"))...)
		require.NoError(t, os.Chmod(s.instance.path, 0o500))
		assert.False(t, s.Done(all[:1]))
		require.NoError(t, os.Chmod(s.instance.path, 0o700))
		assert.True(t, s.Done(all[1:]))
		assert.Zero(t, s.Bytes())
		instance := s.instance.path
		s.Close()
		assert.NoDirExists(t, instance)
	})
}

// A note that cannot be written is written later.
func TestNoteCannotBeWritten(t *testing.T) {
	asNobody(t, nil, func(dir string) {
		for _, again := range []func(*Spool, Ref){
			func(s *Spool, _ Ref) { s.Tend(); s.instance.close() },
			func(s *Spool, another Ref) { assert.True(t, s.Done([]Ref{another})); s.instance.close() },
			func(s *Spool, _ Ref) { s.Close() },
		} {
			s, _ := open(t, dir)
			all := refs(put(t, s, "e0", "e1", "e2"))
			s.sealCurrent()
			another := put(t, s, "e3")[0].Ref
			s.sealCurrent()
			path := s.segments[0].path()
			require.NoError(t, os.Chmod(path, 0o400))
			s.Done([]Ref{all[1]})
			s.Done([]Ref{all[0]})
			troubles := s.Troubles()
			require.Len(t, troubles, 1, "it is told of once")
			assert.ErrorContains(t, troubles[0], "spool: note "+filepath.Base(path)+": ")
			require.NoError(t, os.Chmod(path, 0o600))
			again(s, another)
			next, troubles := open(t, dir)
			assert.Empty(t, troubles)
			messages := take(t, next)
			assert.Subset(t, []string{"e2", "e3"}, names(messages))
			assert.Contains(t, names(messages), "e2")
			next.Done(refs(messages))
			next.Close()
		}
	})
}
