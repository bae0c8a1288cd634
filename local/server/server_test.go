package server

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPortInUse(t *testing.T) {
	r := startLocal(t, Config{})
	_, err := Start(Config{Port: portOf(t, r.url)})
	require.ErrorIs(t, err, ErrPortInUse)
	if runtime.GOOS != "windows" {
		assert.ErrorIs(t, err, syscall.EADDRINUSE)
	}
	_, err = Start(Config{Host: "not a host"})
	require.ErrorContains(t, err, "cannot listen")
	assert.NotErrorIs(t, err, ErrPortInUse)
}

func TestCloseMoreThanOnce(t *testing.T) {
	c := Config{Port: freePort(t)}
	r := startLocal(t, c)
	r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
	r.http.CloseIdleConnections()
	var closing sync.WaitGroup
	for range 4 {
		closing.Go(func() { assert.NoError(t, r.Close()) })
	}
	closing.Wait()
	assert.Equal(t, 1, r.Events())
	again := startLocal(t, c)
	assert.Equal(t, r.URL(), again.URL(), "the port is free")
}

// A program keeps its own umask, and what the server writes is its owner's alone.
func TestDataIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have the permissions of their directory")
	}
	dir := t.TempDir()
	r := startLocal(t, Config{Data: filepath.Join(dir, "data.duckdb")})
	r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
	r.rows("SELECT 1")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), nil, 0o644))
	for name, mode := range map[string]os.FileMode{"data.duckdb": 0o600, "other": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
}

func TestLogGetsWhatBecomesOfTheEngine(t *testing.T) {
	said := make(chan string, 10)
	r := startLocal(t, Config{Log: func(sentence string) { said <- sentence }})
	r.database.engine.kill()
	<-r.database.engine.ended
	r.rows("SELECT 1")
	assert.Regexp(t, `^the engine of the queries ended \(.*\) and was started again; no event is lost$`, <-said)
}
