package source

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readAll returns the values of all rows that are not torn.
func readAll(t *testing.T, r *records) (all [][]string) {
	t.Helper()
	for {
		rec, err := r.next()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		require.Empty(t, rec.torn)
		values := rec.values(',')
		require.Len(t, values, rec.fields)
		all = append(all, values)
	}
}

// TestRecordsAgree reads what encoding/csv writes, whole and byte by byte.
func TestRecordsAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "\"", ",", "\n", "\"\"", " ", "\u00fc", ";", "xyz"}
	for range 50 {
		var want [][]string
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.UseCRLF = random.IntN(2) == 0
		for range 20 {
			row := []string{"x"} // no row is a blank line
			for range random.IntN(4) {
				var value strings.Builder
				for range random.IntN(5) {
					value.WriteString(pieces[random.IntN(len(pieces))])
				}
				row = append(row, value.String())
			}
			want = append(want, row)
			require.NoError(t, w.Write(row))
		}
		w.Flush()
		read := func(in io.Reader) [][]string {
			return readAll(t, &records{w: newWindow(in), delimiter: ',', newline: '\n'})
		}
		got := read(bytes.NewReader(text.Bytes()))
		if w.UseCRLF { // it writes the end of a line in a value as CRLF too
			for _, row := range got {
				for i := range row {
					row[i] = strings.ReplaceAll(row[i], "\r\n", "\n")
				}
			}
		}
		assert.Equal(t, want, got)
		assert.Len(t, read(iotest.OneByteReader(bytes.NewReader(text.Bytes()))), len(want))
	}
}

// TestTornRowsOfAnyBytes loads files in which anything may be torn. What is torn is
// refused, and nothing else, and no row is lost.
func TestTornRowsOfAnyBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"a", "\"", ",", "\n", "\r", "\r\n", "\x00", "\x01", "\x92", "\\", "'", " ", "\ufeff", "\u2028", "{", "}", "NULL", "#"}
	ends := []string{"\n", "\r\n", "\r"}
	db := database(t)
	for n := range 90 {
		name, end := [...]string{"a.csv", "a.ndjson"}[n%2], ends[n/2%3]
		good := map[string]string{"a.csv": "good,1", "a.ndjson": `{"good":1}`}[name]
		text := good + end
		for range 1 + random.IntN(12) {
			for range random.IntN(8) {
				piece := pieces[random.IntN(len(pieces))]
				if end == "\r" { // a file of those has no others
					piece = strings.ReplaceAll(piece, "\n", "\r")
				}
				text += piece
			}
			text += end
		}
		s, err := Find(Spec{Paths: []string{file1(t, name, text+good+end)}, Encoding: map[string]string{"a.csv": "utf-8"}[name]})
		require.NoError(t, err, "%q", text)
		var found finding
		torn := 0
		f := &s.files[0]
		require.NoError(t, f.each(t.Context(), func(rec *record) error {
			found.add(rec, f)
			if rec.torn != "" {
				torn++
			}
			return nil
		}))
		require.NoError(t, s.Load(t.Context(), db), "%q", text)
		assert.Equal(t, []string{fmt.Sprintf("%d|%d", found.rows, torn)}, rows(t, db, "SELECT (SELECT count(*) FROM loaded), (SELECT count(*) FROM torn)"), "%q", text)
		_, err = db.Exec("DROP VIEW source; DROP TABLE loaded; DROP TABLE torn")
		require.NoError(t, err)
	}
}

// FuzzRecords looks at every byte once, and makes rows that encoding/csv
// understands of those that are not torn.
func FuzzRecords(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte, mac bool) {
		r := &records{w: newWindow(bytes.NewReader(text)), delimiter: ',', newline: '\n'}
		if mac {
			r.newline = '\r'
		}
		for n := 0; ; n++ {
			rec, err := r.next()
			if err == io.EOF {
				return
			}
			require.NoError(t, err)
			require.LessOrEqual(t, n, len(text))
			if rec.check(&file{format: csvFormat, columns: make([]string, rec.fields)}); rec.torn != "" || rec.blank {
				continue
			}
			if rec.fields == 1 && len(rec.values(',')[0]) == 0 {
				continue // a blank line to it
			}
			// It reads CRLF in quotes as the end of a line alone.
			tidy := bytes.ReplaceAll(rec.tidy(nil, ','), []byte("\r"), []byte("?"))
			got, err := csv.NewReader(bytes.NewReader(append(tidy, '\n'))).Read()
			require.NoError(t, err, "%q", tidy)
			for i, value := range rec.values(',') {
				require.Equal(t, strings.ReplaceAll(value, "\r", "?"), got[i])
			}
		}
	})
}

func FuzzValues(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		v := &values{w: newWindow(bytes.NewReader(text)), array: bytes.HasPrefix(text, []byte("["))}
		for n := 0; ; n++ {
			rec, err := v.next()
			if err != nil {
				return
			}
			require.NotEmpty(t, rec.text)
			require.LessOrEqual(t, n, len(text))
		}
	})
}

// TestHugeLine has 9 MB in one line, among good ones.
func TestHugeLine(t *testing.T) {
	huge := strings.Repeat("y", 9<<20)
	for name, c := range map[string]struct{ file, before, after, query string }{
		"CSV":            {"a.csv.gz", "a,b\n1,2\n3,", "\n5,6\n", "SELECT a FROM source"},
		"CSV, in quotes": {"a.csv.gz", "a,b\n1,2\n3,\"", "\"\n5,6\n", "SELECT a FROM source"},
		"JSON lines":     {"a.ndjson.gz", "1\n{\"a\":\"", "\"}\n5\n", "SELECT _json FROM source"},
		"JSON":           {"a.json.gz", "[1,{\"a\":\"", "\"},5]", "SELECT _json FROM source"},
	} {
		t.Run(name, func(t *testing.T) {
			path := file1(t, c.file, zstded(t, c.before+huge+c.after))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, db := load1(t, Spec{Paths: []string{path}})
			runtime.ReadMemStats(&after)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(45<<20))
			assert.Equal(t, []string{"1", "5"}, rows(t, db, c.query))
			assert.Equal(t, []string{"2|" + tornLong}, rows(t, db, "SELECT row, reason FROM torn"))
		})
	}
}

// TestReason says the same as the limit.
func TestReason(t *testing.T) {
	assert.Contains(t, tornLong, fmt.Sprintf("%d MiB", maxLine>>20))
	assert.Contains(t, tornOpen, fmt.Sprintf("%d MiB", maxLine>>20))
}
