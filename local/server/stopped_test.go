//go:build unix

package server

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An engine that somebody has stopped is followed by another one: neither events
// nor queries wait for it.
func TestEngineIsStopped(t *testing.T) {
	for _, c := range []Config{{}, {Data: filepath.Join(t.TempDir(), "data.duckdb")}} {
		r := startLocal(t, c)
		quiet(r)
		r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
		r.rows("SELECT 1")
		r.database.watchNext(10*time.Millisecond, 500*time.Millisecond)
		first := r.database.engine
		first.kill()
		<-first.ended
		second, err := r.database.live()
		require.NoError(t, err)
		r.database.watchNext(pingInterval, time.Minute) // the third one may be slow on a busy machine
		require.NoError(t, second.command.Process.Signal(syscall.SIGSTOP))
		r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
		assert.JSONEq(t, `[[2]]`, r.rows("SELECT count(*) FROM events"))
		<-second.ended
	}
}

// watchNext sets how the engines are watched that are started from now on.
func (d *database) watchNext(interval, patience time.Duration) {
	d.engineMu.Lock()
	defer d.engineMu.Unlock()
	d.interval, d.patience = interval, patience
}
