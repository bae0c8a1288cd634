package main

import (
	"context"
	"errors"
	"io"
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

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestReaderOfStandardOutputGoesAway(t *testing.T) {
	s := newShell(t, nil)
	source := write(t, "events.csv", clean)
	for _, flag := range []string{"-dry-run", "-print-sql"} {
		status := run(s.ctx, s.stop, []string{flag, source}, terminal{getenv: func(string) string { return "" }, out: closedPipe{}, err: io.Discard})
		assert.Equal(t, exitFailed, status, flag)
	}
	left, err := os.ReadDir(s.temp)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestFailWritesLines(t *testing.T) {
	var err strings.Builder
	terminal{err: &err}.fail(errors.Join(errors.New("one \x1b[31m"), errors.New("two")))
	assert.Equal(t, "altertable-import: one ·[31m\naltertable-import: two\n", err.String())
}
