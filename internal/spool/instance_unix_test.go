//go:build unix && !aix && !solaris

package spool

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lives has a client strand a message below dir, and the next one deliver it.
func lives(t *testing.T, dir string) {
	t.Helper()
	stranded(t, dir, "e0")
	s, troubles := open(t, dir)
	assert.Empty(t, troubles)
	assert.Zero(t, s.Left())
	put(t, s, "e1")
	messages := take(t, s)
	assert.Equal(t, []string{"e0", "e1"}, names(messages))
	s.Done(refs(messages))
	assert.Zero(t, s.Tend())
	assert.Empty(t, s.Troubles())
	s.Close()
	assert.Empty(t, files(t, dir))
}

// A volume that Kubernetes makes for a pod is root's, and everybody's to write to.
func TestDirectoryIsSomebodyElsesAndWritable(t *testing.T) {
	asNobody(t, func(dir string) {
		require.NoError(t, os.Chown(dir, 0, 0))
		require.NoError(t, os.Chmod(dir, 0o777))
	}, func(dir string) { lives(t, dir) })
}

// Kubelet gives a volume to a group, and lets that write to all that is in it.
func TestDirectoryIsAGroups(t *testing.T) {
	asNobody(t, func(dir string) {
		require.NoError(t, os.Chown(dir, 0, fsGroup))
		require.NoError(t, os.Chmod(dir, 0o770|os.ModeSetgid))
	}, func(dir string) {
		instance := filepath.Dir(stranded(t, dir, "e-1")[0])
		require.NoError(t, os.Chmod(instance, 0o770|os.ModeSetgid))
		s, troubles := open(t, dir)
		assert.Empty(t, troubles)
		messages := take(t, s)
		assert.Equal(t, []string{"e-1"}, names(messages))
		s.Done(refs(messages))
		s.Close()
		lives(t, dir)
	})
}

func TestDirectoryIsInMemory(t *testing.T) {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		dir, err := os.MkdirTemp("/dev/shm", "spool")
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		lives(t, dir)
	}
}

func TestDirectoryIsASymlink(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(t.TempDir(), dir))
	lives(t, dir)
}

// A name that leads elsewhere by the time a file is written changes nothing.
func TestNamesLeadElsewhere(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	s, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10}) // a file is full at 256 bytes
	all := refs(put(t, s, numbered(5)...))
	instance := s.instance.path
	require.NoError(t, os.Rename(instance, instance+"-moved"))
	require.NoError(t, os.Symlink(elsewhere, instance))
	put(t, s, numbered(5)...) // within a second
	s.Done(all[:4])
	assert.Empty(t, files(t, elsewhere))
}

func TestOpenFileIsProvablyOurs(t *testing.T) {
	s, _ := open(t, t.TempDir())
	i := s.instance
	at := func(name string) string { return filepath.Join(i.path, name) }
	require.NoError(t, os.WriteFile(at("file"), nil, 0o600))
	require.NoError(t, os.WriteFile(at("linked"), nil, 0o600))
	require.NoError(t, os.Link(at("linked"), at("link")))
	require.NoError(t, os.Symlink("file", at("symlink")))
	require.NoError(t, os.Mkdir(at("dir"), 0o700))
	require.NoError(t, syscall.Mkfifo(at("fifo"), 0o600))
	for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
		for _, name := range []string{"linked", "link", "symlink", "dir", "fifo"} {
			_, _, err := i.openFile(name, flag)
			assert.ErrorIs(t, err, errNotOurs, name)
		}
		file, _, err := i.openFile("file", flag)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
}

// With SpoolSync the names of all directories that are made are on the medium.
func TestParentsAreSynced(t *testing.T) {
	before := syncPath
	defer func() { syncPath = before }()
	var synced []string
	syncPath = func(path string) error {
		synced = append(synced, path)
		return before(path)
	}
	above := t.TempDir()
	dir := filepath.Join(above, "a", "b")
	openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 20, Sync: true})
	assert.Equal(t, []string{filepath.Join(above, "a"), above, dir}, synced)
	synced = nil
	open(t, filepath.Join(above, "c"))
	assert.Empty(t, synced)
}

// synced returns the kinds of what is synced while f runs.
func synced(t *testing.T, f func()) (kinds []string) {
	t.Helper()
	before := syncFile
	defer func() { syncFile = before }()
	syncFile = func(file *os.File) error {
		info, err := file.Stat()
		require.NoError(t, err)
		kind := "file"
		if info.IsDir() {
			kind = "directory"
		}
		kinds = append(kinds, kind)
		return before(file)
	}
	f()
	return kinds
}

// With Config.Sync, a message is on the medium when Append returns, and so is
// its file's name.
func TestMessagesAreSynced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	cfg := Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 20, Sync: true}
	s, _ := openWith(t, cfg)
	assert.Equal(t, []string{"directory", "file"}, synced(t, func() { put(t, s, "e0") }), "a new file")
	assert.Equal(t, []string{"file"}, synced(t, func() { put(t, s, "e1") }))
	require.NoError(t, os.RemoveAll(dir))
	m := later("e2", 2)
	kinds := synced(t, func() { require.NoError(t, s.Append(&m)) })
	assert.Equal(t, []string{"file", "directory", "file"}, kinds[len(kinds)-3:], "the copy of the file, and then the message")
	s.Close()
	kinds = synced(t, func() { openWith(t, cfg) })
	assert.Equal(t, []string{"directory", "directory", "directory"}, kinds, "the shared one, and those from where and to where the file was moved")
	s, _ = open(t, filepath.Join(t.TempDir(), "other"))
	assert.Empty(t, synced(t, func() { put(t, s, "e0") }), "without Sync")
}
