package state

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var about = Import{
	Source: "users.csv", Messages: 100, Digest: "d1", Engine: "1.5", Mapping: "m1", Target: "https://api.example.com", Key: "hash",
	Flags: map[string]string{"as": "track", "since": "2024-01-01", "sql": "SELECT 'secret'"},
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "users.csv.import-state") }

func mustOpen(t *testing.T, path string, i Import) *State {
	t.Helper()
	s, err := Open(path, i)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func isDone(s *State, position int64) bool {
	return slices.ContainsFunc(s.done, func(r Range) bool { return r.First <= position && position <= r.Last })
}

func TestAStateIsWhatWasNoted(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path, about)
	assert.Zero(t, s.Next())
	assert.False(t, isDone(s, 0))
	assert.EqualValues(t, 100, s.Messages())
	n := Note{Delivered: 7, Bytes: 700, Seconds: 1.5, Rejects: 12, Rejected: map[string]int64{"no timestamp": 2}, Issued: 40, Twice: 3, Chain: "abc"}
	n.Done = []Range{{20, 24}, {0, 1}}
	require.NoError(t, s.Note(n))
	n.Done = []Range{{2, 3}, {30, 30}, {25, 25}}
	require.NoError(t, s.Note(n))
	check := func(s *State) {
		assert.EqualValues(t, 4, s.Next())
		for p, want := range map[int64]bool{0: true, 3: true, 4: false, 19: false, 20: true, 25: true, 26: false, 30: true, 31: false, 99: false, 1000: false} {
			assert.Equal(t, want, isDone(s, p), "%d", p)
		}
		assert.Equal(t, []Range{{20, 25}, {30, 30}}, s.Ahead())
		want := n
		want.Done = nil
		assert.Equal(t, want, s.Last())
	}
	check(s)
	assert.Zero(t, s.Unsure(), "it is about the runs before")
	require.NoError(t, s.Close())
	again := mustOpen(t, path, about)
	check(again)
	assert.EqualValues(t, 40-11, again.Unsure(), "issued, and not done")
	assert.False(t, again.ended)
	require.NoError(t, again.Close())
	require.NoError(t, again.Close(), "again")
	assert.Error(t, again.Note(n), "after Close")
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1, "no other files")
}

func TestAKilledProcessHasWhatItNoted(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path, about)
	require.NoError(t, s.Note(Note{Done: []Range{{0, 9}}, Delivered: 10}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	whole := strings.LastIndex(strings.TrimSuffix(string(text), "\n"), "\n") + 1
	for cut := whole; cut < len(text); cut++ {
		other := newPath(t)
		require.NoError(t, os.WriteFile(other, text[:cut], 0o600))
		torn := mustOpen(t, other, about)
		assert.Zero(t, torn.Next(), "a torn line does not count")
		require.NoError(t, torn.Note(Note{Done: []Range{{0, 4}}, Delivered: 5}))
		require.NoError(t, torn.Close())
		assert.EqualValues(t, 5, mustOpen(t, other, about).Next(), "and is not in the way")
	}
	zeros := newPath(t)
	require.NoError(t, os.WriteFile(zeros, append(text, make([]byte, 4096)...), 0o600))
	cut := mustOpen(t, zeros, about)
	assert.EqualValues(t, 10, cut.Next(), "after a power cut a file may end with zeros")
	require.NoError(t, cut.Note(Note{Done: []Range{{10, 19}}}))
	require.NoError(t, cut.Close())
	assert.EqualValues(t, 20, mustOpen(t, zeros, about).Next(), "which are cut off")
	empty := newPath(t)
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	assert.Zero(t, mustOpen(t, empty, about).Next())
}

func TestAFinishedImport(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path, about)
	require.NoError(t, s.Note(Note{Done: []Range{{0, 99}}, Delivered: 100}))
	require.NoError(t, s.Finish())
	require.NoError(t, s.Finish())
	require.NoError(t, s.Close())
	again := mustOpen(t, path, about)
	assert.True(t, again.ended)
	assert.EqualValues(t, 100, again.Next())
	assert.EqualValues(t, 100, again.Last().Delivered)
	require.NoError(t, again.Close())
	changed := about
	changed.Messages = 101
	_, err := Open(path, changed)
	var e *ChangedError
	require.ErrorAs(t, err, &e)
	assert.EqualValues(t, 100, e.Next)
}

func TestInMemory(t *testing.T) {
	s := mustOpen(t, "", about)
	require.NoError(t, s.Note(Note{Done: []Range{{0, 9}}}))
	assert.EqualValues(t, 10, s.Next())
	require.NoError(t, s.Finish())
	require.NoError(t, s.Close())
	forced, err := Force("", about, 0)
	require.NoError(t, err)
	require.NoError(t, forced.Close())
}

// TestAnImportThatSentNothingMayChange is about a key that was refused, and then is
// set right.
func TestAnImportThatSentNothingMayChange(t *testing.T) {
	other := about
	other.Key, other.Messages, other.Digest = "other", 120, "d2"
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
			assert.EqualValues(t, 120, s.Messages())
			require.NoError(t, s.Close())
			require.NoError(t, mustOpen(t, path, other).Close(), "the file is about the other one now")
		})
	}
}

func TestSumsAreTheStatesOwn(t *testing.T) {
	s := mustOpen(t, "", about)
	n := Note{Rejected: map[string]int64{"no timestamp": 2}}
	require.NoError(t, s.Note(n))
	n.Rejected["no timestamp"] = 3
	s.Last().Rejected["no timestamp"] = 4
	assert.EqualValues(t, 2, s.Last().Rejected["no timestamp"])
}
