package chaos

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallDisk returns a directory on a disk of its own.
func (w *world) smallDisk(bytes int, flags uintptr) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, "disk")
	require.NoError(w.t, os.Mkdir(dir, 0o700))
	if os.Getuid() != 0 {
		w.t.Skip("only root may mount a small disk")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, fmt.Sprintf("size=%d,mode=0700", bytes)); err != nil {
		w.t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	w.t.Cleanup(func() {
		for _, p := range w.all() {
			p.kill() // it has files open there
		}
		assert.NoError(w.t, syscall.Unmount(dir, 0))
	})
	return dir
}

// The disk is full before the stream is: 503, and nothing that was taken is lost.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := w.smallDisk(96<<20, 0)
	r := w.relay("r", "--data", filepath.Join(disk, "data"), "--max-bytes", "10GiB").start()
	w.sink.set(status(http.StatusServiceUnavailable))
	f := w.feeder("f", r.URL())
	f.noise = 1000
	f.fill(t, r, 10_000)
	eventually(t, patience, "it is not ready", func() bool { return r.get("/readyz") == http.StatusServiceUnavailable })
	assert.Equal(t, http.StatusOK, r.get("/healthz"))
	t.Logf("%d events were taken by a disk of 96 MiB", f.next-batchSize)
	w.sink.set()
	w.require(w.settle(patience), 0)
	r.awaitReady(patience)
	f.mustPost(t, "track", 1)
	w.require(w.settle(patience), 0)
}

// Something else fills the disk, to the last byte.
func TestDiskFilledByOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := w.smallDisk(24<<20, 0)
	r := w.relay("r", "--data", filepath.Join(disk, "data"), "--max-bytes", "10GiB").start()
	w.sink.set(status(http.StatusServiceUnavailable))
	f := w.feeder("f", r.URL())
	for range 20 {
		f.mustPost(t, "track", batchSize)
	}
	ballast := filepath.Join(disk, "ballast")
	_ = os.WriteFile(ballast, make([]byte, 64<<20), 0o600) // as much as there is room for
	refused := 0
	for range 50 {
		if status, _ := f.post("track", batchSize); status != http.StatusOK {
			assert.Equal(t, http.StatusServiceUnavailable, status)
			refused++
		}
	}
	assert.Positive(t, refused)
	require.NoError(t, os.Remove(ballast))
	w.sink.set()
	v := w.settle(patience)
	t.Logf("%d of 50 bodies were refused", refused)
	w.require(v, inFlight)
	eventually(t, patience, "it takes events again", func() bool {
		status, _ := f.post("track", 1)
		return status == http.StatusOK
	})
	w.require(w.settle(patience), inFlight)
}

// A data directory that cannot be written is an error before anything listens.
func TestReadOnlyData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := w.smallDisk(1<<20, syscall.MS_RDONLY)
	r := w.relay("r", "--data", filepath.Join(disk, "data"))
	r.process.start()
	assert.Positive(t, r.gone(patience))
	assert.Contains(t, r.out.String(), "data")
	assert.Contains(t, r.out.String(), "read-only")
	assert.NotContains(t, r.out.String(), "goroutine ")
}
