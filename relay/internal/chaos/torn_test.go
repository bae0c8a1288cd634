package chaos

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The last file of the stream ends in the middle of a message, as after a power
// failure. The relay starts, and delivers every message that is whole.
func TestTruncatedBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	w.sink.set(status(http.StatusServiceUnavailable))
	f := w.feeder("f", r.URL())
	for range form(50, 2000) {
		f.mustPost(t, "track", batchSize)
	}
	r.kill()
	var blocks []string
	require.NoError(t, filepath.WalkDir(r.data, func(path string, d os.DirEntry, err error) error {
		if filepath.Ext(path) == ".blk" && filepath.Base(filepath.Dir(filepath.Dir(path))) == stream {
			blocks = append(blocks, path)
		}
		return err
	}))
	require.NotEmpty(t, blocks)
	slices.SortFunc(blocks, func(a, b string) int { return len(a) - len(b) })
	last := blocks[len(blocks)-1]
	info, err := os.Stat(last)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(last, info.Size()-10))

	r.start()
	w.sink.set()
	whole := f.next - batchSize
	w.sink.within(patience, func() bool { return w.sink.total("f") >= whole })
	v := w.judge(w.books())
	t.Logf("%s: the message that was cut has %d events", v, batchSize)
	assert.LessOrEqual(t, v.lost, batchSize, "no more than the message that was cut")
	assert.Zero(t, v.twice)
	f.mustPost(t, "track", 1)
	w.sink.awaitMore(t, 1, patience)
}
