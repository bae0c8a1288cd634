package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallDisk returns a directory on a disk of its own.
func (w *world) smallDisk(bytes int) string {
	w.t.Helper()
	if os.Getuid() != 0 {
		w.t.Skip("only root may mount a small disk")
	}
	dir := filepath.Join(w.t.TempDir(), "disk")
	require.NoError(w.t, os.Mkdir(dir, 0o700))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", bytes)); err != nil {
		w.t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	w.t.Cleanup(func() { assert.NoError(w.t, syscall.Unmount(dir, 0)) })
	return dir
}

// Where there is not enough room to sort, the import does not begin.
func TestNoRoomToSort(t *testing.T) {
	w := newWorld(t)
	disk := w.smallDisk(1 << 20)
	lines, rows := mix(30_000, 0, 0)
	source := w.file("events.ndjson", lines)
	w.bad(t, w.run("-temp", disk, source), disk, "-temp")
	left, err := os.ReadDir(disk)
	require.NoError(t, err)
	assert.Empty(t, left)
	w.ok(source)
	w.require(t, rows, 0)
}

// A disk that is full while the import runs stops it. With room it goes on, and no
// more is twice than was in flight.
func TestFullDiskForState(t *testing.T) {
	w := newWorld(t)
	disk := w.smallDisk(256 << 10)
	lines, rows := mix(5000, 0, 0)
	source := w.file("events.ndjson", lines)
	ballast := filepath.Join(disk, "ballast")
	_ = os.WriteFile(ballast, make([]byte, 1<<20), 0o600) // as much as there is room for
	args := []string{"-state", filepath.Join(disk, "state"), source}
	r := w.run(args...)
	assert.Equal(t, 1, r.code, tail(r.said()))
	assert.Contains(t, r.stderr, "no space left")
	require.NoError(t, os.Remove(ballast))
	w.ok(args...)
	w.require(t, rows, inFlight)
}

// The same for the file of rejects: what it could not take is not said to be done.
func TestFullDiskForRejects(t *testing.T) {
	w := newWorld(t)
	disk := w.smallDisk(64 << 10)
	var text strings.Builder
	text.WriteString("event,distinct_id,timestamp,n,note\n")
	for n := range 2000 {
		fmt.Fprintf(&text, "page_viewed,null,2024-03-01T08:00:00Z,%d,%s\n", n, strings.Repeat(canary, 20))
	}
	source := w.file("events.csv", text.String())
	r := w.run("-rejects", filepath.Join(disk, "rejects.ndjson"), source)
	assert.Equal(t, 1, r.code, tail(r.said()))
	assert.Contains(t, r.stderr, "no space left")
	other := filepath.Join(w.dir, "rejects.ndjson")
	r = w.run("-rejects", other, "-force", source)
	assert.Equal(t, 2, r.code, tail(r.said()))
	assert.EqualValues(t, 2000, r.report.refused())
}

// Standard output is full: everything is sent, and the status says that something is
// wrong.
func TestStandardOutputIsFull(t *testing.T) {
	w := newWorld(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full: ", err)
	}
	defer full.Close()
	source := bigFile("events.csv")(w)[0]
	for _, args := range [][]string{{"-dry-run", source}, {source}, {"-print-sql", source}, {"-h"}} {
		p := launchAs(t, func(cmd *exec.Cmd) { cmd.Stdout = full }, nil, w.env, args...)
		assert.Equal(t, 1, p.wait(), "%v\n%s", args, tail(p.stderr.String()))
		assert.Contains(t, p.stderr.String(), "standard output cannot be written: no space left on device")
		p.silent(w.secrets...)
	}
	w.require(t, numbered("track", formatRows), 0)
}
