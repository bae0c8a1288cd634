package deliver

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// However many rows are refused, and however slow their file is, those that are not
// written yet take few megabytes.
func TestRefusedRowsWaitForTheirFile(t *testing.T) {
	for _, size := range []int{100, 10_000} {
		l := newLedger(0, chain{}, new(Counters))
		held := 0
		for position := range int64(1 << 20) {
			row := &record.Row{Position: position, Endpoint: record.Track, Message: bytes.Repeat([]byte("x"), size), Reason: "no distinct_id"}
			if _, wake := l.next(row, 0); wake != nil {
				break
			}
			l.add(row, refused)
			held += sizeOf(row)
		}
		assert.Greater(t, held, 1<<20, "some do, or each would cost a write")
		assert.Less(t, held, 10<<20, "rows of %d bytes", size)
		require.Len(t, l.news, 1, "the keeper knows")
	}
}
