package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestImport(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source, reportPath := write(t, "events.csv", clean), filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitOK, s.run("-report", reportPath, source), s.said())
	require.Len(t, srv.Events(), 3)
	srv.RequireEvent(t, altertabletest.Want{Event: "plan_upgraded", DistinctID: "u_1", Properties: map[string]any{"seats": 5}})
	person, ok := srv.Identity("production", "u_1")
	require.True(t, ok)
	assert.Equal(t, "pro", person.Traits["plan"])

	r := readReport(t, reportPath)
	assert.Positive(t, r.Bytes)
	assert.Positive(t, r.Seconds)
	r.Bytes, r.Seconds = 0, 0
	assert.Equal(t, report{Rows: 4, Messages: 4, Delivered: 4, Rejected: map[string]int64{}, Finished: true}, r)
	assert.Contains(t, s.out.String(), "delivered     4 of 4 messages\n")
	assert.Contains(t, s.out.String(), "-traits-now", "the identify has a timestamp")
	assert.NotContains(t, s.out.String(), "Run the same command")
	assert.NoFileExists(t, source+rejectsSuffix)

	require.Equal(t, exitOK, s.run("-report", reportPath, source), "again")
	assert.Len(t, srv.Events(), 3)
	assert.EqualValues(t, 4, readReport(t, reportPath).Earlier)
	assert.Contains(t, s.out.String(), "4 of them by earlier runs")
}

func TestRefusedRows(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source, reportPath := write(t, "events.csv", faulty), filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitRefused, s.run(source, "-report", reportPath), s.said())
	assert.Len(t, srv.Events(), 2)
	r := readReport(t, reportPath)
	assert.EqualValues(t, 2, r.refused())
	assert.Len(t, r.Rejected, 2)
	assert.True(t, r.Finished)
	assert.Contains(t, s.out.String(), "altertable-import "+source+rejectsSuffix)
	assert.NotContains(t, s.said(), "hunter2")
	assert.FileExists(t, source+rejectsSuffix)
	require.NoError(t, os.Remove(source+rejectsSuffix))
	assert.Equal(t, exitRefused, s.run(source), "a finished import does not need the file any more")
}

// TestTheGuessIsSaid is about an import, too: a wrong one cannot be undone.
func TestTheGuessIsSaid(t *testing.T) {
	const said = "Rows are read as track, by the column event (see -as)\n"
	source := write(t, "events.csv", "event,distinct_id,timestamp\nsigned_up,u_1,2026-01-01\n")
	s := newShell(t, newServer(t))
	require.Equal(t, exitOK, s.run(source), s.said())
	assert.Contains(t, s.err.String(), said)

	s.local = func([]string, func(string)) (console, error) { return nil, errors.New("enough") }
	s.run("-to", "local", source)
	assert.Contains(t, s.err.String(), said)

	for name, args := range map[string][]string{
		"-as says it":   {"-as", "track", "-state", filepath.Join(t.TempDir(), "s"), source},
		"the rows do":   {write(t, "own.csv", clean)},
		"the survey is": {"-dry-run", source},
	} {
		require.Equal(t, exitOK, s.run(args...), name+": "+s.said())
		assert.NotContains(t, s.err.String(), "Rows are read as", name)
	}
}

// TestTroubleBehindAnInterrupt is no interrupt.
func TestTroubleBehindAnInterrupt(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	hang := srv.Always(altertabletest.Hang())
	source := write(t, "events.csv", faulty)
	go func() {
		_ = srv.WaitRequests(t.Context(), 1)
		cancel()
	}()
	s.err = &output{on: func(text string) {
		if strings.Contains(text, "Interrupted:") {
			_ = os.Remove(source + stateSuffix)
			_ = os.Mkdir(source+stateSuffix, 0o700)
			hang.Release()
		}
	}}
	assert.Equal(t, exitFailed, s.run(source))
	assert.Contains(t, s.err.String(), stateSuffix+" cannot be written")
	assert.NotContains(t, s.err.String(), "nothing was sent")
}

func TestInterruptBeforeSending(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.ctx = ctx
	reportPath := filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitInterrupted, s.run("-report", reportPath, write(t, "events.csv", clean)))
	assert.Contains(t, s.err.String(), "interrupted, and nothing was sent: run the same command again")
	assert.False(t, readReport(t, reportPath).Finished)
	assert.Empty(t, srv.Requests())
}

func TestFailWritesLines(t *testing.T) {
	var err strings.Builder
	terminal{err: &err}.fail(errors.Join(errors.New("one \x1b[31m"), errors.New("two")))
	assert.Equal(t, "altertable-import: one ·[31m\naltertable-import: two\n", err.String())
}
