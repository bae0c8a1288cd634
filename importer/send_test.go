package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestARefusedKeyIsSetRight(t *testing.T) {
	srv := newServer(t, altertabletest.WithAPIKeys("pk_right"))
	path := write(t, "events.csv", clean)
	s := newShell(t, srv)
	require.Equal(t, exitFailed, s.run(path))
	assert.Contains(t, s.err.String(), "run the same command again")
	assert.NotContains(t, s.err.String(), "messages are lost", "they are not")
	assert.NotContains(t, s.out.String(), "-traits-now", "nothing was sent")

	s.variables["ALTERTABLE_API_KEY"] = "pk_right"
	require.Equal(t, exitOK, s.run(path), s.said())
	assert.Len(t, srv.Events(), 3)
}

func TestTraitsNow(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	began := time.Now()
	require.Equal(t, exitOK, s.run("-traits-now", write(t, "events.csv", clean)), s.said())
	person, ok := srv.Identity("production", "u_1")
	require.True(t, ok)
	assert.Equal(t, "pro", person.Traits["plan"])
	assert.WithinRange(t, person.UpdatedAt, began.Add(-time.Second), time.Now())
	assert.NotContains(t, s.out.String(), "-traits-now", "it needs no advice any more")
}

// interruptOnce interrupts an import while its tracks are on their way, and calls then
// when the command has said so.
func interruptOnce(t *testing.T, srv *altertabletest.Server, s *shell, then func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	srv.Always(altertabletest.Hang().On("/track"))
	go func() {
		_ = srv.WaitRequests(t.Context(), 2)
		cancel()
	}()
	s.err = &output{on: func(text string) {
		if strings.Contains(text, "Interrupted: what is in flight is finished first") {
			then()
		}
	}}
}

func TestInterrupt(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	interruptOnce(t, srv, s, srv.ClearFaults)
	source, reportPath := write(t, "events.csv", clean), filepath.Join(t.TempDir(), "report.json")
	status := s.run("-report", reportPath, source)
	// All that there is was in flight, so it is finished all the same.
	assert.Equal(t, exitOK, status, s.said())
	assert.True(t, readReport(t, reportPath).Finished)
}

func TestSecondInterrupt(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	stop, end := context.WithCancel(context.Background())
	s.stop = stop
	interruptOnce(t, srv, s, end)
	source, reportPath := write(t, "events.csv", clean), filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitInterrupted, s.run("-report", reportPath, source), s.said())
	assert.Contains(t, s.out.String(), "It was interrupted: 3 messages left. Run the same command again, and it goes on.")
	r := readReport(t, reportPath)
	assert.False(t, r.Finished)
	assert.EqualValues(t, 1, r.Delivered)
	srv.ClearFaults()
	next := newShell(t, srv)
	require.Equal(t, exitOK, next.run(source), next.said())
	assert.Len(t, srv.Events(), 3)
}

func TestRefusedKey(t *testing.T) {
	srv := newServer(t, altertabletest.WithAPIKeys("another"))
	s := newShell(t, srv)
	source, reportPath := write(t, "events.csv", clean), filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitFailed, s.run("-report", reportPath, source))
	assert.Contains(t, s.err.String(), "key")
	assert.Contains(t, s.out.String(), "It ended early: 4 messages left.")
	r := readReport(t, reportPath)
	assert.NotEmpty(t, r.Error)
	assert.Empty(t, r.Rejected)
}

// An error of the files is not hidden by an interrupt, after which something was sent.
func TestAStateThatIsLostAfterAnInterrupt(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	stop, end := context.WithCancel(context.Background())
	s.stop = stop
	dir := filepath.Join(t.TempDir(), "states")
	require.NoError(t, os.Mkdir(dir, 0o700))
	interruptOnce(t, srv, s, func() {
		assert.NoError(t, os.RemoveAll(dir))
		end()
	})
	reportPath := filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitFailed, s.run("-report", reportPath, "-state", filepath.Join(dir, "s"), write(t, "events.csv", clean)), s.said())
	assert.NotContains(t, s.err.String(), "nothing was sent")
	assert.Contains(t, s.err.String(), "cannot be written")
	r := readReport(t, reportPath)
	assert.False(t, r.Finished)
	assert.NotEmpty(t, r.Error)
}
