package state

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnImportThatSentNothingMayChange is about a key that was refused, and then is
// set right.
func TestAnImportThatSentNothingMayChange(t *testing.T) {
	other := about
	other.Key, other.Rows, other.Digest = "other", 120, "d2"
	for name, test := range map[string]struct {
		note Note
		free bool
	}{
		"nothing":           {Note{}, true},
		"perhaps something": {Note{Issued: 10}, false},
		"unsure":            {Note{Unsure: 1}, false},
		"twice":             {Note{Twice: 1}, false},
		"rejects":           {Note{Done: []Range{{3, 3}}, Rejects: 20, Rejected: map[string]int64{"no event": 1}}, false},
		"behind a gap":      {Note{Done: []Range{{3, 3}}, Delivered: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			s := mustOpen(t, path, about)
			require.NoError(t, s.Note(test.note))
			require.NoError(t, s.Close())
			s, err := Open(path, other)
			if !test.free {
				var changed *ChangedError
				require.ErrorAs(t, err, &changed)
				return
			}
			require.NoError(t, err)
			assert.EqualValues(t, 120, s.Rows())
			require.NoError(t, s.Close())
			require.NoError(t, mustOpen(t, path, other).Close(), "the file is about the other one now")
		})
	}
}
