package broker

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOneRelayPerDirectory(t *testing.T) {
	data := t.TempDir()
	b := open(t, Options{Data: data})
	for _, readOnly := range []bool{false, true} {
		_, err := Open(Options{Data: data, ReadOnly: readOnly}, small("acme")...)
		require.ErrorContains(t, err, "another relay")
		assert.ErrorContains(t, err, data)
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(data, link))
	_, err := Open(Options{Data: link}, small("acme")...)
	require.ErrorContains(t, err, "another relay")
	publish(t, b, "acme", "[]")
	b.Close()
	b = open(t, Options{Data: link})
	assert.EqualValues(t, 1, messages(t, b, "acme"))
}

func TestWrongDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	dangling := filepath.Join(dir, "dangling")
	require.NoError(t, os.Symlink(filepath.Join(dir, "nothing"), dangling))
	stored := filepath.Join(dir, "stored")
	require.NoError(t, os.Mkdir(stored, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(stored, StoreName), nil, 0o600))
	elsewhere := filepath.Join(dir, "elsewhere")
	linked := map[string]string{}
	for _, name := range []string{lockName, reserveName} {
		linked[name] = filepath.Join(dir, "linked "+name)
		require.NoError(t, os.Mkdir(linked[name], 0o700))
		require.NoError(t, os.Symlink(elsewhere, filepath.Join(linked[name], name)))
	}
	for name, path := range map[string]string{
		"file": file, "below a file": filepath.Join(file, "data"), "dangling link": dangling, "store is a file": stored,
		"lock is a link": linked[lockName], "reserve is a link": linked[reserveName],
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(Options{Data: path}, small("acme")...)
			require.Error(t, err)
			assert.ErrorContains(t, err, path)
			assert.NoFileExists(t, elsewhere)
		})
	}
	for name, path := range map[string]string{"not there": filepath.Join(dir, "new"), "empty": t.TempDir()} {
		t.Run("read only, "+name, func(t *testing.T) {
			_, err := Open(Options{Data: path, ReadOnly: true}, small("acme")...)
			require.Error(t, err)
			assert.NoDirExists(t, filepath.Join(path, StoreName))
			assert.NoFileExists(t, filepath.Join(path, lockName))
		})
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no modes")
	}
	data := filepath.Join(t.TempDir(), "a", "data")
	o := Options{Data: data, Compress: true}
	b := open(t, o)
	text := randomBody(t, 100)
	for range 200 { // more than one block
		publish(t, b, "acme", string(text))
	}
	newPuller(t, b).deliver(10)
	b.Close()
	require.NoError(t, os.Chmod(filepath.Join(data, StoreName), 0o755)) // by somebody else
	open(t, o).Close()
	files := 0
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		assert.Equal(t, want, info.Mode().Perm(), path)
		files++
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, files, 10)
}

func TestTenants(t *testing.T) {
	for name, tenants := range map[string][]Tenant{
		"empty":       small(""),
		"upper case":  small("Acme"),
		"dlq":         small("dlq"),
		"dot":         small("a.b"),
		"star":        small("*"),
		"slash":       small("a/b"),
		"long":        small("aaaaaaaaaabbbbbbbbbbccccccccccddd"),
		"dash first":  small("-a"),
		"twice":       small("a", "a"),
		"another's":   small("a", "a_dlq"),
		"another's 2": small("a_dlq", "a"),
		"negative":    {{Name: "a", MaxBytes: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			_, err := Open(Options{Data: data}, tenants...)
			require.ErrorContains(t, err, "tenant")
			assert.NoDirExists(t, data)
		})
	}
	open(t, Options{Data: t.TempDir()}, small("a", "a-b", "a_b", "0", "x_dlq")...)
}

func TestEitherEmbeddedOrCluster(t *testing.T) {
	_, err := Open(Options{}, small("acme")...)
	require.Error(t, err)
	_, err = Open(Options{Data: t.TempDir(), URL: "nats://localhost"}, small("acme")...)
	require.Error(t, err)
}
