package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCSV(t *testing.T) {
	long := strings.Repeat("x", maxLine+1)
	for name, c := range map[string]struct {
		spec    Spec
		text    string
		columns string
		rows    []string
		torn    []string
		packed  bool // also by gzip and zstd
	}{
		"plain": {
			text: "event,n\nsigned_up,1\nplan_upgraded,\n", columns: "_row,event,n",
			rows: []string{"1|signed_up|1", "2|plan_upgraded|NULL"}, packed: true,
		},
		"no end of the last line": {text: "a,b\n1,2\n3,4", columns: "_row,a,b", rows: []string{"1|1|2", "2|3|4"}},
		"CRLF":                    {text: "a,b\r\n1,2\r\n3,4\r\n", columns: "_row,a,b", rows: []string{"1|1|2", "2|3|4"}},
		"CRLF and quotes":         {text: "a,b\r\n1,\"2\"\r\n3,\"4\"", columns: "_row,a,b", rows: []string{"1|1|2", "2|3|4"}},
		"old Mac":                 {text: "a,b\r1,2\r3,\"4\"\r", columns: "_row,a,b", rows: []string{"1|1|2", "2|3|4"}},
		"mixed ends":              {text: "a,b\n1,2\r\n3,4\n", columns: "_row,a,b", rows: []string{"1|1|2", "2|3|4"}},
		"blank lines":             {text: "\n\na,b\n\n1,2\n\n\n3\n3,4\n\n", columns: "_row,a,b", rows: []string{"1|1|2", "3|3|4"}, torn: []string{"2||3|" + tornFew}},
		"blank lines, one column": {text: "a\n\n1\n\n2\n", columns: "_row,a", rows: []string{"1|1", "2|2"}},
		"byte order mark":         {text: "\ufeffa,b\n1,2\n", columns: "_row,a,b", rows: []string{"1|1|2"}},
		"NULL of warehouses":      {text: "a,b\n\\N,\"\\N\"\n\\n,x\\N\n", columns: "_row,a,b", rows: []string{"1|NULL|NULL", `2|\n|x\N`}, packed: true},
		"zeros and dates stay":    {text: "zip,day\n007,2026-01-02\n", columns: "_row,zip,day", rows: []string{"1|007|2026-01-02"}},
		"quotes": {
			text: "a,b\n\"1,\"\"x\"\"\",\"two\nlines\"\n\"\",3\n", columns: "_row,a,b",
			rows: []string{"1|1,\"x\"|two\nlines", "2|NULL|3"},
		},
		"quotes in the middle": {text: "a,b\n5\" wide,2\n3,x\"\"y\"\n", columns: "_row,a,b", rows: []string{`1|5" wide|2`, `2|3|x""y"`}},
		"a lone CR":            {text: "a,b\n1\r2,3\n4,5\n", columns: "_row,a,b", rows: []string{"1|1\r2|3", "2|4|5"}},
		"too few and too many": {
			text: "a,b\n1,2\n3\n4,5,6\n7,8\n", columns: "_row,a,b", rows: []string{"1|1|2", "4|7|8"},
			torn: []string{"2||3|" + tornFew, "3||4,5,6|" + tornMany}, packed: true,
		},
		"a quote that is never closed": {
			text: "a,b\n1,\"2\n3,4\n5,6\n", columns: "_row,a,b", rows: []string{"2|3|4", "3|5|6"},
			torn: []string{"1||1,\"2|" + tornOpen},
		},
		"a quote that the next one closes": {
			text: "a,b\n1,\"2\n3,\"4\"\n5,6\n", columns: "_row,a,b", rows: []string{"2|3|4", "3|5|6"},
			torn: []string{"1||1,\"2|" + tornQuote},
		},
		"not UTF-8": {
			spec: Spec{Encoding: "utf-8"}, text: "a,b\n1,\xff\n3,4\n", columns: "_row,a,b", rows: []string{"2|3|4"},
			torn: []string{"1||1,\ufffd|" + tornEncoding},
		},
		"too long": {
			text: "a,b\n1," + long + "\n3,\"" + long + "\"\n5,6\n", columns: "_row,a,b", rows: []string{"3|5|6"},
			torn: []string{"1||1," + long[:keptOfLong-2] + "|" + tornLong, "2||3,\"" + long[:keptOfLong-3] + "|" + tornLong},
		},
		"names": {
			text: "a,A,,_row, b ,a_1\n1,2,3,4,5,6\n", columns: "_row,a,A_1,column_3,_row_1,b,a_1_1",
			rows: []string{"1|1|2|3|4|5|6"},
		},
		"odd names":                  {text: "\"it's\",\"a \"\"b\"\"\"\n1,2\n", columns: "_row,it's,a \"b\"", rows: []string{"1|1|2"}},
		"semicolons":                 {text: "a;b\n1,5;2\n", columns: "_row,a,b", rows: []string{"1|1,5|2"}},
		"tabs":                       {text: "a\tb\n1\t2\n", columns: "_row,a,b", rows: []string{"1|1|2"}},
		"a delimiter said":           {spec: Spec{Delimiter: "|"}, text: "a,b|c\n1|2\n", columns: "_row,a,b,c", rows: []string{"1|1|2"}},
		"Latin-1":                    {spec: Spec{Encoding: "latin-1"}, text: "a,b\nM\xfcller,\x80\n", columns: "_row,a,b", rows: []string{"1|M\u00fcller|\u20ac"}},
		"UTF-16":                     {text: "\xff\xfea\x00,\x00b\x00\n\x001\x00,\x00\xe4\x00\n\x00", columns: "_row,a,b", rows: []string{"1|1|\u00e4"}},
		"UTF-16 big, said":           {spec: Spec{Encoding: "utf-16"}, text: "\x00a\x00,\x00b\x00\r\x00\n\x001\x00,\x04\x10\x00\r\x00\n", columns: "_row,a,b", rows: []string{"1|1|\u0410"}},
		"control characters between": {spec: Spec{Delimiter: "\x01"}, text: "a\x01b\n1\x012\n", columns: "_row,a,b", rows: []string{"1|1|2"}},
		"NULs": {
			text: "a,b\n\x00,1\n2,3\n4,\x00\x00\n\x00\n", columns: "_row,a,b", rows: []string{"2|2|3"},
			torn: []string{"1||\ufffd,1|" + tornControl, "3||4,\ufffd\ufffd|" + tornControl, "4||\ufffd|" + tornControl},
		},
		"UTF-16 big": {text: "\xfe\xff\x00a\x00,\x00b\x00\n\x001\x00,\xd8\x3d\xde\x00\x00\n", columns: "_row,a,b", rows: []string{"1|1|\U0001f600"}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, pack := range []func(*testing.T, string) string{nil, gzipped, zstded} {
				text := c.text
				if i > 0 && !c.packed {
					continue
				}
				if pack != nil {
					text = pack(t, text)
				}
				c.spec.Paths = []string{file1(t, "data.csv", text)}
				s, db := load1(t, c.spec)
				assert.False(t, s.JSON)
				assert.Equal(t, "data.csv", s.Name)
				assert.Equal(t, c.columns, columnsOf(t, db))
				assert.Equal(t, c.rows, rows(t, db, "FROM source ORDER BY _row"))
				if c.torn == nil {
					c.torn = []string{}
				}
				assert.Equal(t, c.torn, rows(t, db, "SELECT row, coalesce(file, ''), line, reason FROM torn ORDER BY row"))
			}
		})
	}
}

func TestCSVSeveralFiles(t *testing.T) {
	dir := files(t, "b.csv", "n,event\n3,c\n\n4\n5,d\n", "a.csv", "event,n\na,1\nb,2\n", "c.csv", "other;event\nx;e\n")
	s, db := load1(t, Spec{Paths: []string{filepath.Join(dir, "*.csv"), filepath.Join(dir, "a.csv")}})
	assert.Equal(t, "3 files", s.Name)
	assert.Equal(t, filepath.Join(dir, "_.csv"), s.Path)
	assert.Equal(t, "_row,_file,event,n,other", columnsOf(t, db))
	assert.Equal(t, []string{"1|a.csv|a|1|NULL", "2|a.csv|b|2|NULL", "1|b.csv|c|3|NULL", "3|b.csv|d|5|NULL", "1|c.csv|e|NULL|x"}, rows(t, db, "FROM source"))
	assert.Equal(t, []string{"2|b.csv|4|" + tornFew}, rows(t, db, "FROM torn"))
}

// TestCSVNumbers reads a file that several threads read, and a torn one among
// many.
func TestCSVNumbers(t *testing.T) {
	for name, torn := range map[string]int{"clean": -1, "torn": 10_000} {
		t.Run(name, func(t *testing.T) {
			const count = 20_000
			path := filepath.Join(t.TempDir(), "a.csv")
			out, err := os.Create(path)
			require.NoError(t, err)
			fmt.Fprintln(out, "n,text")
			var text strings.Builder
			for i := 1; i <= count; i++ {
				if i == torn {
					text.WriteString("\"never closed\n")
					continue
				}
				fmt.Fprintf(&text, "%d,%s\n", i, strings.Repeat("x", 600))
			}
			_, err = out.WriteString(text.String())
			require.NoError(t, err)
			require.NoError(t, out.Close())
			_, db := load1(t, Spec{Paths: []string{path}})
			want := count
			if torn > 0 {
				want--
			}
			assert.Equal(t, []string{fmt.Sprintf("%d|%d|0", want, want)},
				rows(t, db, "SELECT count(*), count(DISTINCT _row), count(*) FILTER (n::BIGINT <> _row) FROM source"))
		})
	}
}

func TestCSVRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		spec Spec
		want string
	}{
		"empty":            {"", Spec{}, "is empty"},
		"a header alone":   {"a,b\n", Spec{}, "has a header and no rows"},
		"blank lines":      {"\n\n", Spec{}, "blank lines alone"},
		"Latin-1":          {"a,b\nM\xfcller,1\n", Spec{}, "-encoding latin-1"},
		"UTF-16, unmarked": {"a\x00,\x00b\x00\n\x001\x00,\x002\x00\n\x00", Spec{}, "-encoding utf-16"},
		"UTF-16, short":    {"a\x00\r\x00\n\x001\x00\r\x00\n\x00", Spec{}, "is UTF-16"},
		"UTF-16 big":       {"\x00a\x00,\x00b\x00\n\x04\x10\x00,\x002\x00\n", Spec{}, "-encoding utf-16"},
		"a NUL in a name":  {"a,b\x00\n1,2\n", Spec{}, "is not a text"},
		"bytes":            {"\x13\x00\xffq\n1,2\n", Spec{}, "is not a text"},
		"bytes, said":      {"\x13\x02q\n1,2\n", Spec{Encoding: "latin-1"}, "is not a text"},
		"a torn header":    {"\"a,b\n1,2\n", Spec{}, "the header cannot be read"},
		"an encoding":      {"a\n1\n", Spec{Encoding: "ebcdic"}, "it is utf-8, utf-16 or latin-1"},
		"a delimiter":      {"a\n1\n", Spec{Delimiter: "::"}, "-delimiter is one ASCII character"},
		"a format":         {"a\n1\n", Spec{Format: "xml"}, "it is csv, ndjson, json or parquet"},
		"a spreadsheet":    {"PK\x03\x04....", Spec{}, "save it as CSV"},
		"a cut gzip file":  {gzipped(t, strings.Repeat("a,b\n1,2\n", 100))[:30], Spec{}, "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Paths = []string{file1(t, "data.csv", c.text)}
			assert.Contains(t, failure(t, c.spec), c.want)
		})
	}
}
