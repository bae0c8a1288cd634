package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// An import goes on only with the source, the mapping and the target that it began with.
func TestChanged(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(1500, 20, 0)
	source := w.file("events.ndjson", lines)
	w.ok(source)
	other := altertabletest.NewServer()
	t.Cleanup(other.Close)

	w.file("events.ndjson", strings.Replace(lines, `"a":[1,2.50`, `"a":[1,2.51`, 1))
	w.refused(1, []string{"events.ndjson", "-force"}, source)
	w.file("events.ndjson", lines[strings.Index(lines, "\n")+1:])
	w.refused(1, []string{"events.ndjson", "-force"}, source)
	w.file("events.ndjson", lines)
	w.refused(1, []string{"-force"}, "-environment", "staging", source)
	w.refused(1, []string{"-force"}, "-only", "track", source)

	env := w.env
	w.env = append(env[:len(env):len(env)], "ALTERTABLE_API_KEY=pk_e2e_another")
	w.secrets = append(w.secrets, "pk_e2e_another")
	w.refused(1, []string{"key", "-force"}, source)
	w.env = append(env[:len(env):len(env)], "ALTERTABLE_BASE_URL="+other.URL)
	w.refused(1, []string{"-force"}, source)
	assert.Empty(t, other.Requests())
	w.env = env

	r := w.ok(source)
	assert.EqualValues(t, len(rows), r.report.Earlier)
	assert.Zero(t, w.require(t, rows, 0))
}

// Of a file that has grown, -force sends what is new.
func TestForceAppended(t *testing.T) {
	w := newWorld(t)
	lines, _ := mix(1500, 0, 0)
	source := w.file("events.ndjson", lines)
	w.ok(source)
	later := `{"endpoint":"track","event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2025-03-01T08:00:00Z","n":1500}` + "\n"
	w.file("events.ndjson", lines+later)
	w.refused(1, []string{"events.ndjson", "-force"}, source)
	r := w.ok("-force", source)
	assert.EqualValues(t, 1501, r.report.Delivered)
	assert.EqualValues(t, 1500, r.report.Earlier)
	assert.Zero(t, w.require(t, numbered("track", 1501), 0))
	w.nothingMore(r.report, source)
}

// Where earlier rows have changed -force begins anew, and says what may be twice.
func TestForceChanged(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(1500, 0, 0)
	source := w.file("events.ndjson", lines)
	w.ok(source)
	w.file("events.ndjson", strings.Replace(lines, `"a":[1,2.50`, `"a":[1,2.51`, 1))
	r := w.ok("-force", source)
	assert.Contains(t, r.said(), "sends all 1,500 messages")
	assert.Equal(t, 3000, w.stored())
	v := w.verdict(rows)
	assert.Equal(t, verdict{copies: 1500, otherIDs: 1}, v, "only the changed row has another id")
	assert.GreaterOrEqual(t, r.report.Duplicates, int64(1500))
}

// The default state is beside the source, and nobody else reads it.
func TestStateBesideTheSource(t *testing.T) {
	w := newWorld(t)
	lines, _ := mix(10, 0, 0)
	source := w.file("events.ndjson", lines)
	w.ok(source)
	info, err := os.Stat(source + ".import-state")
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o077)
	text := w.read(source + ".import-state")
	assert.NotContains(t, text, apiKey)
	assert.NotContains(t, text, canary)
}

// Two imports with one state do not run at the same time.
func TestLocked(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(100, 0, 0)
	source := w.file("events.ndjson", lines)
	hang := w.srv.Always(altertabletest.Hang())
	p := w.start(source)
	require.NoError(t, w.srv.WaitRequests(t.Context(), 1))
	w.refused(1, []string{"events.ndjson"}, source)
	hang.Release()
	assert.Zero(t, p.wait(), tail(p.stderr.String()))
	assert.Zero(t, w.require(t, rows, 0))
}

// A dry run sends nothing and leaves nothing, with a key and without.
func TestDryRun(t *testing.T) {
	w := newWorld(t)
	lines, _ := mix(1500, 20, 3)
	source := w.file("events.ndjson", lines)
	r := w.run("-dry-run", source)
	assert.Zero(t, r.code, tail(r.said()))
	assert.Contains(t, r.said(), "1,500")
	w.env = append(w.env, "ALTERTABLE_API_KEY=")
	assert.Zero(t, w.run(source).code)
	w.env = append(w.env, "ALTERTABLE_API_KEY="+apiKey, "ALTERTABLE_DISABLED=true")
	assert.Zero(t, w.run(source).code)
	assert.Equal(t, 2, w.run("-dry-run", w.file("faulty.csv", faulty)).code)
	shown := w.run("-dry-run", "-show-values", source)
	assert.Contains(t, shown.said(), canary)
	assert.NotContains(t, shown.said(), apiKey)
	assert.Empty(t, w.srv.Requests())
	files, err := os.ReadDir(w.dir)
	require.NoError(t, err)
	assert.Len(t, files, 2, "a dry run leaves no files")
}
