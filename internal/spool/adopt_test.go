package spool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeadClientsMessagesAreUnread(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, "e0", "e1")
	s, troubles := open(t, dir)
	assert.Empty(t, troubles)
	assert.Equal(t, 2, s.Unread().Count)
	put(t, s, "e2")
	messages := take(t, s)
	assert.Equal(t, []string{"e0", "e1", "e2"}, names(messages))
	assert.Equal(t, "production", messages[0].Environment)
	s.Done(refs(messages))
	s.Close()
	assert.Empty(t, files(t, dir))
}

func TestLivingClientsAndOtherTenantsAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	living, _ := open(t, dir)
	put(t, living, "e0")
	other, troubles := openWith(t, Config{Dir: dir, Tenant: strings.Repeat("0", 32), MaxBytes: 1 << 20})
	assert.Empty(t, troubles)
	put(t, other, "e1")
	other.Close()
	s, troubles := open(t, dir)
	assert.Empty(t, troubles)
	assert.Zero(t, s.Unread())
	assert.Equal(t, []string{"e0"}, names(take(t, living)))
}

// Clients that come and go at once do not tear each other's instance directories down.
func TestManyClientsComeAndGo(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, "e0")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				s, err := Open(Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 20})
				if assert.NoError(t, err) {
					assert.Empty(t, s.Troubles())
					m := message("new")
					assert.NoError(t, s.Append(&m))
					s.Close()
				}
			}
		})
	}
	wg.Wait()
	s, _ := open(t, dir)
	assert.Equal(t, 1+160, s.Unread().Count)
}

func TestForeignFilesAreReportedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0")[0]
	foreign := []string{filepath.Join(filepath.Dir(path), "notes.txt"), filepath.Join(dir, "notes.txt")}
	for _, path := range foreign {
		require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	}
	s, troubles := open(t, dir)
	assert.Equal(t, []string{"e0"}, names(take(t, s)))
	assert.Subset(t, files(t, dir), foreign)
	var paths []string
	for _, trouble := range troubles {
		var err *Error
		require.ErrorAs(t, trouble, &err)
		assert.ErrorIs(t, err, errForeignFile)
		paths = append(paths, err.Path)
	}
	assert.ElementsMatch(t, foreign, paths)
}

// A call returns after its line is complete; the line's end may be missing
// after a power cut all the same.
func TestTruncatedFiles(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, numbered(2)...)[0]
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	header := bytes.IndexByte(text, '\n') + 1
	first := header + bytes.IndexByte(text[header:], '\n') // where the first message's line ends
	for _, size := range []int{header, header + 1, first - 1, first, first + 1, first + 2, len(text) - 2, len(text) - 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			leaveLock(t, filepath.Dir(path))
			require.NoError(t, os.WriteFile(path, text[:size], 0o600))
			s, _ := open(t, dir)
			put(t, s, "new")
			complete := bytes.Count(text[header:min(size+1, len(text))], []byte("\n"))
			messages := take(t, s)
			assert.Equal(t, append(numbered(complete), "new"), names(messages))
			s.Done(refs(messages))
			assert.Empty(t, s.segments)
			s.Close()
		})
	}
}

// What is noted in a file whose last line has no end is read by the next client.
func TestOutcomesAreNotedAfterATornLine(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, numbered(5)...)[0]
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()-1))
	s, _ := open(t, dir)
	all := refs(take(t, s))
	s.Done([]Ref{all[0], all[1]})
	s.Done([]Ref{all[3], all[4]})
	s.Close()
	next, troubles := open(t, dir)
	assert.Equal(t, []string{"e2"}, names(take(t, next)))
	assert.Empty(t, troubles)
}

func TestInstanceWithoutALockIsAdopted(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0")[0]
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(path), "lock")))
	old := time.Now().Add(-time.Hour) // which counts where the system cannot lock a directory
	require.NoError(t, os.Chtimes(filepath.Dir(path), old, old))
	s, troubles := open(t, dir)
	assert.Empty(t, troubles)
	assert.Equal(t, []string{"e0"}, names(take(t, s)))
	assert.NoDirExists(t, filepath.Dir(path))
}

// What cannot be read now is reported, and left for the next client.
func TestInstanceThatCannotBeLockedIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0")[0]
	lock := filepath.Join(filepath.Dir(path), "lock")
	require.NoError(t, os.Remove(lock))
	require.NoError(t, os.Mkdir(lock, 0o700))
	s, troubles := open(t, dir)
	assert.Empty(t, take(t, s))
	require.Len(t, troubles, 1)
	var trouble *Error
	require.ErrorAs(t, troubles[0], &trouble)
	assert.Equal(t, filepath.Dir(path), trouble.Path)
	assert.FileExists(t, path)
}

// A client that was killed while it adopted has left the first segments in its
// own instance directory, and the others in the dead one's.
func TestOrderAfterACrashWithinAnAdoption(t *testing.T) {
	dir := t.TempDir()
	dead, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10}) // a file is full at 256 bytes
	for i, name := range numbered(30) {
		m := message(name)
		m.Accepted = start.Add(time.Duration(i) * time.Second)
		require.NoError(t, dead.Append(&m))
	}
	dead.Close()
	adopter := filepath.Join(dir, tenant+"-ffffffff-ffff-7fff-8fff-ffffffffffff")
	require.NoError(t, os.Mkdir(adopter, 0o700))
	leaveLock(t, adopter)
	require.Greater(t, len(dead.segments), 3)
	for _, segment := range dead.segments[:2] {
		require.NoError(t, os.Rename(segment.path(), filepath.Join(adopter, segment.position.name)))
	}
	s, _ := open(t, dir)
	assert.Equal(t, numbered(30), names(take(t, s)))
}

func TestHugeForeignFiles(t *testing.T) {
	dir := t.TempDir()
	instance := filepath.Dir(stranded(t, dir, "e0")[0])
	for name, head := range map[string]string{"zeros": "", "header": segmentMagic + tenant + "\n"} {
		path := filepath.Join(instance, name+".spool")
		require.NoError(t, os.WriteFile(path, []byte(head), 0o600))
		require.NoError(t, os.Truncate(path, 100<<20)) // the rest takes no place
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, troubles := open(t, dir)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(20<<20))
	assert.Equal(t, []string{"e0"}, names(take(t, s)))
	assert.Len(t, troubles, 2)
}
