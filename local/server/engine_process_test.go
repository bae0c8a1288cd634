//go:build unix

package server

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startGroup starts a process in a group of its own, as a shell does.
func startGroup(t *testing.T, temporary string, flags ...string) process {
	t.Helper()
	return startCommand(t, func(command *exec.Cmd) {
		command.Env = append(os.Environ(), "TMPDIR="+temporary)
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}, build(t, ".."), flags...)
}

// What a terminal sends on Ctrl-C reaches the engine as well, and a server that
// ends nevertheless stores all that it took.
func TestInterruptOfTheGroup(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		file, temporary := filepath.Join(t.TempDir(), "data.duckdb"), t.TempDir()
		p := startGroup(t, temporary, "-data", file)
		p.rows("SELECT 1") // it has begun
		for n := range 100 {
			p.post("/track", fmt.Sprintf(`{"environment":"production","event":"e","distinct_id":"u%d","properties":{}}`, n))
		}
		require.NoError(t, syscall.Kill(-p.command.Process.Pid, signal))
		last := ""
		for p.lines.Scan() {
			last = p.lines.Text()
		}
		require.NoError(t, p.command.Wait())
		assert.Equal(t, "ended, 100 events", last)
		r := startLocal(t, Config{Data: file})
		assert.JSONEq(t, `[[100]]`, r.rows("SELECT count(*) FROM events"))
		r.stop()
		assertEmpty(t, temporary)
	}
}

// The engine of a server that is killed ends, even in the middle of a query that
// DuckDB does not interrupt, and nothing is left behind.
func TestNothingOutlivesTheServer(t *testing.T) {
	file, temporary := filepath.Join(t.TempDir(), "data.duckdb"), t.TempDir()
	for _, flags := range [][]string{{"-data", file}, nil} {
		p := startGroup(t, temporary, flags...)
		p.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
		p.rows("SELECT 1")
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			resp, err := p.http.Post(p.url+"/query", "application/json", strings.NewReader(`{"sql":"SELECT levenshtein(repeat('x', 300000), repeat('y', 300000))"}`))
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		p.rows("SELECT 1")
		require.NoError(t, p.command.Process.Kill())
		<-answered
		if flags != nil {
			awaitUnlocked(t, file)
			r := startLocal(t, Config{Data: file})
			assert.JSONEq(t, `[[1]]`, r.rows("SELECT count(*) FROM events"))
			r.stop()
		}
		for p.lines.Scan() {
		}
		_ = p.command.Wait()
		assertEmpty(t, temporary)
	}
}

// awaitUnlocked returns when no process has the file open any more.
func awaitUnlocked(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &syscall.Flock_t{Type: syscall.F_WRLCK}))
	require.NoError(t, f.Close())
}

func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, files)
}

// What the process says about an engine names no query and no data.
func TestCrashOfAProcess(t *testing.T) {
	var printed strings.Builder
	p := startCommand(t, func(command *exec.Cmd) { command.Stderr = &printed }, build(t, ".."))
	p.post("/track", `{"environment":"production","event":"e","distinct_id":"somebody","properties":{}}`)
	status, answer := p.ask(bomb)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, answer, "engine-crashed")
	assert.JSONEq(t, `[["somebody"]]`, p.rows("SELECT identity_id FROM events"))
	_, err := p.end(syscall.SIGTERM)
	assert.NoError(t, err)
	for line := range strings.Lines(printed.String()) {
		assert.Regexp(t, `^altertable-local: the engine of the queries ended \(.*\) and was started again; no event is lost\n$`, line)
		assert.NotContains(t, line, "json")
	}
	assert.NotEmpty(t, printed.String())
}
