package source

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// bounds are what DuckDB's reader of CSV may have in memory. A row may become
// twice as long when its quotes are doubled.
var bounds = fmt.Sprintf(", max_line_size = %d, buffer_size = %d", 2*maxLine+64<<10, 4*maxLine)

func (s *Source) findCSV() error {
	var selects []string
	for i := range s.files {
		f := &s.files[i]
		if err := f.readHeader(s.spec); err != nil {
			return err
		}
		selects = append(selects, "SELECT row_number() OVER () AS _row, "+s.fileColumn(f)+columnList(f.columns)+
			"\nFROM "+f.printed(f.readCSV(f.path, f.columns, true)))
	}
	s.SQL = strings.Join(selects, "\nUNION ALL BY NAME\n")
	s.loader, s.Text = loadText, true
	return nil
}

// columns are the names in all files, in the order in which they come. Files that
// have other columns than the first one are welcome.
func (s *Source) columns() []string {
	if s.JSON {
		return []string{"_json"}
	}
	var all []string
	seen := map[string]bool{}
	for _, f := range s.files {
		for _, name := range f.columns {
			if key := strings.ToLower(name); !seen[key] {
				seen[key] = true
				all = append(all, name)
			}
		}
	}
	return slices.Clip(all)
}

// readFunction is how DuckDB reads the file itself.
func (f *file) readFunction(path string) string {
	if f.format == csvFormat {
		return f.readCSV(path, prefixed(f.columns), true)
	}
	return f.readLines(path, dataPrefix)
}

// textColumns is how the columns of text are given to DuckDB, by name. A folder called
// NAME=VALUE would hide the file's own column of that name.
const textColumns = "auto_detect = false, hive_partitioning = false, columns = {"

// readCSV reads all values as they are: a guess of types would lose zeros and
// refuse rows.
func (f *file) readCSV(path string, columns []string, header bool) string {
	types := make([]string, len(columns))
	for i, name := range columns {
		types[i] = duck.Quote(name) + ": 'VARCHAR'"
		if name == numberColumn {
			types[i] = duck.Quote(name) + ": 'BIGINT'"
		}
	}
	return fmt.Sprintf(`read_csv(%s, `+textColumns+`%s}, delim = %s, quote = '"', escape = '"', header = %t, nullstr = ['', '\N'], new_line = '%s', compression = '%s'%s)`,
		duck.Quote(path), strings.Join(types, ", "), duck.Quote(string(f.delimiter)), header, f.lineEnd(), f.compression, bounds)
}

// lineEnd is how DuckDB writes the end of a line. It would guess by the first
// character that can be one, also between quotes.
func (f *file) lineEnd() string {
	if f.newline == '\r' {
		return `\r`
	}
	if line, _, _ := bytes.Cut(f.head, []byte{'\n'}); bytes.HasSuffix(line, []byte{'\r'}) {
		return `\r\n`
	}
	return `\n`
}

// printed is what a person is shown of it. Rows that DuckDB cannot read are kept
// in a table of its own, which Load finds.
func (f *file) printed(read string) string {
	encoding := ""
	if f.encoding != utf8Encoding && f.encoding != "" {
		encoding = ", encoding = '" + strings.TrimSuffix(f.encoding, "be") + "'"
	}
	return strings.TrimSuffix(read, bounds+")") + encoding + ", store_rejects = true)"
}
