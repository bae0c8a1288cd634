package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// halfDone is an import that the API has stopped after its refused rows and some of
// the others.
func halfDone(w *world) (source, rejects string) {
	w.t.Helper()
	lines, _ := mix(12_000, 0, 0)
	lines += strings.Repeat(`{"endpoint":"track",`+"\n", 20)
	source = w.file("events.ndjson", lines)
	w.srv.Next(3, altertabletest.Pass())
	rule := w.srv.Always(altertabletest.Status(404))
	r := w.run(source)
	require.Equal(w.t, 1, r.code, tail(r.said()))
	rule.Release()
	rejects = source + ".rejects.ndjson"
	require.Len(w.t, w.rejects(rejects), 20)
	return source, rejects
}

// Rejects that somebody mends while the import is not at its end are not cut off or
// written over. Moved away, they are out of the import's way.
func TestRejectsMendedBetweenTwoRuns(t *testing.T) {
	w := newWorld(t)
	source, path := halfDone(w)
	mended := strings.ReplaceAll(w.read(path), `"the row is not valid JSON"`, `"mended"`)
	require.NoError(t, os.WriteFile(path, []byte(mended), 0o600))
	for _, args := range [][]string{{source}, {"-force", source}} {
		w.refused(1, []string{path, "is not as the runs before have left it", "move it away"}, args...)
		assert.Equal(t, mended, w.read(path))
	}
	require.NoError(t, os.Rename(path, path+".mine"))
	w.refused(1, []string{"is gone", "-force"}, source)
	r := w.run("-force", source)
	require.Equal(t, 2, r.code, tail(r.said()))
	w.require(t, numbered("track", 12_000), 0)
	assert.NoFileExists(t, path, "there were no more rejects")
	assert.Equal(t, mended, w.read(path+".mine"))
}

// -rejects does not name a file that another one has made.
func TestRejectsInAFileOfAnother(t *testing.T) {
	w := newWorld(t)
	lines, _ := mix(100, 0, 0)
	source := w.file("events.ndjson", lines+`{"endpoint":"track","event":"x","distinct_id":"zq7x-u1"}`+"\n")
	other := w.file("other.ndjson", "precious\n")
	rule := w.srv.Always(altertabletest.Status(404))
	require.Equal(t, 1, w.run("-rejects", w.file("none.ndjson", ""), source).code)
	rule.Release()
	w.refused(1, []string{other}, "-rejects", other, source)
	assert.Equal(t, "precious\n", w.read(other))
}

// Whoever has tried a wrong key goes on with the right one.
func TestAnotherKeyAfterARefusedOne(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(3000, 50, 0)
	source := w.file("events.ndjson", lines)
	rule := w.srv.Always(altertabletest.Status(401))
	r := w.run(source)
	require.Equal(t, 1, r.code)
	assert.NotContains(t, r.said(), "lost")
	rule.Release()
	w.env = append(w.env, "ALTERTABLE_API_KEY=pk_e2e_another_one")
	w.secrets = append(w.secrets, "pk_e2e_another_one")
	w.ok(source)
	assert.Zero(t, w.require(t, rows, 0))
	w.env = append(w.env, "ALTERTABLE_API_KEY=pk_e2e_a_third_one")
	w.refused(1, []string{"the API key is another one"}, source)
}
