package state

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnotherImportIsNoticed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Import)
		want   []string
	}{
		"more rows":  {func(i *Import) { i.Messages, i.Digest = 120, "d2" }, []string{"there were 100 messages to be sent and now there are 120"}},
		"other rows": {func(i *Import) { i.Digest = "d2" }, []string{"the 100 messages to be sent are not the same any more"}},
		"engine":     {func(i *Import) { i.Engine, i.Digest = "1.6", "d2" }, []string{"another version of DuckDB"}},
		"flag": {func(i *Import) {
			i.Mapping, i.Flags = "m2", map[string]string{"as": "track", "since": "2025-01-01", "sql": "SELECT 'secret'"}
		}, []string{"-since is not what it was"}},
		"flags": {func(i *Import) {
			i.Mapping, i.Flags = "m2", map[string]string{"as": "identify", "only": "track", "since": "2024-01-01"}
		}, []string{"-as, -only, -sql are not what they were"}},
		"mapping":      {func(i *Import) { i.Mapping = "m2" }, []string{"the mapping of the rows is another one"}},
		"target":       {func(i *Import) { i.Target, i.Key = "https://eu.example.com", "other" }, []string{"the target was https://api.example.com and is https://eu.example.com"}},
		"key":          {func(i *Import) { i.Key = "other" }, []string{"the API key is another one", "belongs to the same project"}},
		"two of these": {func(i *Import) { i.Key, i.Messages = "other", 99 }, []string{"the API key is another one; there were 100 messages to be sent and now there are 99"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			s := mustOpen(t, path, about)
			require.NoError(t, s.Note(Note{Done: []Range{{0, 9}, {20, 29}}, Delivered: 20, Issued: 40, Chain: "c"}))
			require.NoError(t, s.Close())
			i := about
			test.change(&i)
			_, err := Open(path, i)
			var changed *ChangedError
			require.ErrorAs(t, err, &changed)
			assert.EqualValues(t, 10, changed.Next)
			assert.Equal(t, "c", changed.Prefix)
			for _, want := range append(test.want, path, "-force", "-state", "delete it") {
				assert.Contains(t, err.Error(), want)
			}
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, err.Error(), about.Key)
			require.NoError(t, mustOpen(t, path, about).Close(), "it is unlocked, and unchanged")
		})
	}
}

// Whoever has run the import with a wrong key runs it again with the right one.
func TestAnotherKeyBeforeAnythingIsSent(t *testing.T) {
	refused := Note{Done: []Range{{0, 4}}, Rejected: map[string]int64{"no timestamp": 5}, Issued: 5}
	i := about
	i.Key = "other"
	for name, change := range map[string]func(*Note){
		"delivered": func(n *Note) { n.Done, n.Delivered, n.Issued = []Range{{0, 5}}, 1, 6 },
		"under way": func(n *Note) { n.Issued = 6 },
		"unsure":    func(n *Note) { n.Unsure = 1 },
		"twice":     func(n *Note) { n.Twice = 1 },
		"nothing":   func(*Note) {},
	} {
		t.Run(name, func(t *testing.T) {
			path, note := newPath(t), refused
			change(&note)
			s := mustOpen(t, path, about)
			require.NoError(t, s.Note(note))
			require.NoError(t, s.Close())
			s, err := Open(path, i)
			if name != "nothing" {
				require.ErrorAs(t, err, new(*ChangedError))
				return
			}
			require.NoError(t, err)
			assert.EqualValues(t, 5, s.Next())
			require.NoError(t, s.Note(Note{Done: []Range{{5, 5}}, Delivered: 1, Issued: 6}))
			require.NoError(t, s.Close())
			require.NoError(t, mustOpen(t, path, i).Close())
			_, err = Open(path, about)
			require.ErrorAs(t, err, new(*ChangedError), "it is about the other key by now")
		})
	}
}

func TestNoSecretsInTheFile(t *testing.T) {
	path := newPath(t)
	require.NoError(t, mustOpen(t, path, about).Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "secret")
	other := about
	other.Source = "copy.csv"
	require.NoError(t, mustOpen(t, path, other).Close(), "the source's name does not matter")
}

func TestForce(t *testing.T) {
	note := Note{
		Done: []Range{{0, 9}, {20, 29}}, Delivered: 17, Bytes: 1700, Rejects: 30, Rejected: map[string]int64{"no timestamp": 3},
		Issued: 40, Twice: 2, Chain: "c",
	}
	i := about
	i.Messages, i.Digest = 120, "d2"
	for name, test := range map[string]struct {
		next   int64
		want   Note
		unsure int64
	}{
		"goes on":      {10, Note{Delivered: 7, Bytes: 1700, Rejects: 30, Rejected: note.Rejected, Twice: 2, Unsure: 30, Chain: "c"}, 30},
		"begins anew":  {0, Note{Twice: 2 + 40}, 0},
		"not too much": {50, Note{Delivered: 7, Bytes: 1700, Rejects: 30, Rejected: note.Rejected, Twice: 2, Unsure: 30, Chain: "c"}, 30},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			s := mustOpen(t, path, about)
			require.NoError(t, s.Note(note))
			require.NoError(t, s.Close())
			s, err := Force(path, i, test.next)
			require.NoError(t, err)
			check := func(s *State) {
				assert.EqualValues(t, min(test.next, 10), s.Next())
				assert.False(t, isDone(s, 20))
				assert.Equal(t, test.want, s.Last())
				assert.Equal(t, test.unsure, s.Unsure())
			}
			check(s)
			require.NoError(t, s.Close())
			check(mustOpen(t, path, i))
		})
	}
	s, err := Force(newPath(t), i, 0)
	require.NoError(t, err, "there is no file yet")
	require.NoError(t, s.Close())
}
