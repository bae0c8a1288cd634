package reject

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "users.csv.rejects.ndjson") }

func mustOpen(t *testing.T, path string, size int64, sum string) *File {
	t.Helper()
	f, err := Open(path, size, sum)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestALineForEachRow(t *testing.T) {
	path := newPath(t)
	f := mustOpen(t, path, 0, "")
	require.NoError(t, f.Add())
	_, err := os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist, "made by the first line")
	require.NoError(t, f.Add(
		record.Row{Endpoint: "track", Message: []byte("{\n \"n\": 1.00e5,\r\n \"a\":\"<&\u2028\"}"), Reason: "no <timestamp>", Number: 17, Position: 3},
		record.Row{Message: []byte(`"a line"`), Reason: "torn", Number: 18, File: "b.csv"},
	))
	require.NoError(t, f.Sync())
	assert.Equal(t, `{"endpoint":"track","message":{"n":1.00e5,"a":"<&`+"\u2028"+`"},"reason":"no <timestamp>","row":17}
{"endpoint":"","message":"a line","reason":"torn","row":18,"file":"b.csv"}
`, read(t, path))
	assert.EqualValues(t, len(read(t, path)), f.Size())
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o077)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	assert.Error(t, f.Add(record.Row{}))
}

// What is added at once takes no more memory than a piece of it.
func TestManyLinesAtOnce(t *testing.T) {
	path := newPath(t)
	f := mustOpen(t, path, 0, "")
	row := record.Row{Message: []byte(`{"text":"` + strings.Repeat("x", 1000) + `"}`), Reason: "torn"}
	rows := make([]record.Row, 10_000)
	for i := range rows {
		rows[i] = row
		rows[i].Number = int64(i)
	}
	require.NoError(t, f.Add(rows...))
	assert.Less(t, f.piece.Cap(), 1<<20)
	text := read(t, path)
	assert.EqualValues(t, len(text), f.Size())
	lines := strings.Split(strings.TrimSpace(text), "\n")
	require.Len(t, lines, len(rows))
	for i, line := range lines {
		require.True(t, strings.HasSuffix(line, fmt.Sprintf(`"row":%d}`, i)), i)
	}
	require.NoError(t, f.Close())
	mustOpen(t, path, f.Size(), f.Sum())
}

// A write that fails leaves what was there, and what is said of it.
func TestAPieceThatCannotBeWritten(t *testing.T) {
	path := newPath(t)
	f := mustOpen(t, path, 0, "")
	require.NoError(t, f.Add(record.Row{Message: []byte(`"a"`), Reason: "torn"}))
	size, sum := f.Size(), f.Sum()
	require.NoError(t, f.file.Close())
	assert.Error(t, f.Add(record.Row{Message: []byte(`"b"`), Reason: "torn"}))
	assert.Equal(t, size, f.Size())
	assert.Equal(t, sum, f.Sum())
	assert.Error(t, f.Add(record.Row{}), "nothing can be added behind it")
	mustOpen(t, path, size, sum)
}

func TestLinesAreJSONWhateverTheRowIs(t *testing.T) {
	for name, message := range map[string]string{
		"nothing": "", "text": "1,Ada", "half": `{"a":`, "trailing comma": `{"a":1,}`, "NaN": `{"a":NaN}`, "number": "17", "null": "null",
		"array": `[1]`, "two": `{} {}`, "bytes": "{\"a\":\"\xff\"}", "not text": "\x00\xff\n\xfe", "lines": "a\nb\r\n", "quote": `"`,
		"deep": strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			f := mustOpen(t, path, 0, "")
			require.NoError(t, f.Add(record.Row{Message: []byte(message), Reason: "r\n\xff"}))
			line, found := strings.CutSuffix(read(t, path), "\n")
			require.True(t, found)
			assert.NotContains(t, line, "\n")
			var got struct{ Message any }
			require.NoError(t, json.Unmarshal([]byte(line), &got))
			text, ok := got.Message.(string)
			require.True(t, ok)
			assert.Equal(t, strings.TrimSpace(strings.ToValidUTF8(message, "\ufffd")), text)
		})
	}
}

func TestWhatIsBehindTheNotedSizeIsCutOff(t *testing.T) {
	path := newPath(t)
	f := mustOpen(t, path, 0, "")
	require.NoError(t, f.Add(record.Row{Message: []byte(`{}`), Number: 1}))
	noted, sum := f.Size(), f.Sum()
	require.NoError(t, f.Add(record.Row{Message: []byte(`{"a":"long"}`), Number: 2}))
	f = mustOpen(t, path, noted, sum)
	assert.Equal(t, sum, f.Sum())
	assert.Equal(t, noted, f.Size())
	require.NoError(t, f.Add(record.Row{Message: []byte(`{}`), Number: 3}))
	assert.Equal(t, 2, strings.Count(read(t, path), "\n"))
	assert.NotContains(t, read(t, path), `"row":2`)

	begun := mustOpen(t, newPath(t), 0, "").Sum()
	f = mustOpen(t, path, 0, begun)
	require.NoError(t, f.Add(record.Row{Message: []byte(`{}`), Number: 4}), "the first line was on its way when the process was killed")
	assert.Equal(t, `{"endpoint":"","message":{},"reason":"","row":4}`+"\n", read(t, path))
}

// What somebody is about to mend is not cut off, and not written over.
func TestAFileThatSomebodyHasEdited(t *testing.T) {
	path := newPath(t)
	begun := mustOpen(t, path, 0, "").Sum()
	f := mustOpen(t, path, 0, "")
	require.NoError(t, f.Add(record.Row{Message: []byte(`{"a":1}`)}, record.Row{Message: []byte(`{"a":2}`)}))
	size, sum := f.Size(), f.Sum()
	require.NoError(t, f.Close())
	before := read(t, path)
	for name, edited := range map[string]string{
		"longer":    strings.ReplaceAll(before, "1}", "100}"),
		"shorter":   before[1:],
		"same size": strings.ReplaceAll(before, "1}", "3}"),
		"empty":     "",
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(edited), 0o600))
			_, err := Open(path, size, sum)
			require.ErrorContains(t, err, "is not as the runs before have left it")
			require.ErrorContains(t, Discard(path, size, sum), "is not as the runs before have left it")
			assert.Equal(t, edited, read(t, path))
		})
	}
	require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
	_, err := Open(path, 0, "")
	require.ErrorContains(t, err, "is of another import")
	other := filepath.Join(filepath.Dir(path), "precious.ndjson")
	require.NoError(t, os.WriteFile(other, []byte("precious\n"), 0o600))
	for _, noted := range []string{begun, sum} {
		_, err = Open(other, 0, noted)
		require.Error(t, err, "no line of this import was ever written to it")
	}
	assert.Equal(t, before, read(t, path))
	require.NoError(t, Discard(path, size, sum))
	assert.NoFileExists(t, path)
	require.NoError(t, Discard(path, size, sum))
}

// Two imports do not write into one file.
func TestAFileThatIsMadeMeanwhile(t *testing.T) {
	path := newPath(t)
	a, b := mustOpen(t, path, 0, ""), mustOpen(t, path, 0, "")
	require.NoError(t, a.Add(record.Row{Message: []byte(`{}`)}))
	before := read(t, path)
	require.Error(t, b.Add(record.Row{Message: []byte(`{}`)}))
	assert.Equal(t, before, read(t, path))
}

func TestAFileThatIsTakenAway(t *testing.T) {
	path := newPath(t)
	f := mustOpen(t, path, 0, "")
	require.NoError(t, f.Add(record.Row{Message: []byte(`{}`)}))
	require.NoError(t, f.Sync())
	if err := os.Remove(path); err != nil {
		t.Skip("an open file cannot be removed")
	}
	require.NoError(t, f.Add(record.Row{Message: []byte(`{}`)}))
	assert.ErrorContains(t, f.Sync(), "was deleted or replaced while rejects were written to it")
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	path := newPath(t)
	_, err := Open(path, 10, "")
	require.ErrorContains(t, err, "is gone, which had the rejects of the runs before")
	require.ErrorAs(t, err, new(*GoneError))
	require.NoError(t, os.WriteFile(path, []byte("{}\n"), 0o600))
	_, err = Open(path, 10, "")
	require.ErrorContains(t, err, "is not as the runs before have left it")
	_, err = Open(filepath.Dir(path), 0, "")
	require.ErrorContains(t, err, "is no file; name another one with -rejects")
	f := mustOpen(t, filepath.Join(filepath.Dir(path), "none", "rejects"), 0, "")
	err = f.Add(record.Row{Message: []byte(`{}`)})
	require.ErrorContains(t, err, "cannot be written: its directory does not exist")
	require.ErrorContains(t, err, "-rejects")
	assert.Equal(t, err, f.Add(record.Row{Message: []byte(`{}`)}), "for good")
}
