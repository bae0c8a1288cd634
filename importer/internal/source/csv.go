package source

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func (s *Source) findCSV() error {
	var selects []string
	for i := range s.files {
		f := &s.files[i]
		if err := f.readHeader(s.spec); err != nil {
			return err
		}
		selects = append(selects, "SELECT "+s.fileColumn(f)+list(f.columns)+" FROM "+f.readCSV(f.path))
	}
	s.SQL = strings.Join(selects, "\nUNION ALL BY NAME\n")
	s.loader = loadCSV
	return nil
}

// fileColumn is the column _file, if there are several.
func (s *Source) fileColumn(f *file) string {
	if len(s.files) == 1 {
		return ""
	}
	return duck.Quote(filepath.Base(f.path)) + " AS _file, "
}

func (f *file) readHeader(spec Spec) error {
	f.delimiter = ','
	if spec.Delimiter != "" {
		f.delimiter = spec.Delimiter[0]
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(f.head, []byte("\ufeff"))))
	r.Comma = rune(f.delimiter)
	names, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: the header cannot be read", f.path)
	}
	f.columns = names
	return nil
}

// readCSV reads all values as they are: a guess of types would lose zeros and
// refuse rows.
func (f *file) readCSV(path string) string {
	columns := make([]string, len(f.columns))
	for i, name := range f.columns {
		columns[i] = duck.Quote(name) + ": 'VARCHAR'"
	}
	return fmt.Sprintf(`read_csv(%s, auto_detect = false, columns = {%s}, delim = %s, quote = '"', escape = '"', header = true, compression = '%s', store_rejects = true, max_line_size = %d)`,
		duck.Quote(path), strings.Join(columns, ", "), duck.Quote(string(f.delimiter)), f.compression, maxLine)
}

// maxLine is the longest row that is read.
const maxLine = 2 << 20

func loadCSV(ctx context.Context, l *load) error {
	return l.fill(ctx, l.s.SQL)
}

// fill makes the table and the view over it.
func (l *load) fill(ctx context.Context, query string) error {
	if err := l.exec(ctx, "CREATE TABLE loaded AS "+query); err != nil {
		return err
	}
	return l.exec(ctx, "CREATE VIEW source AS SELECT rowid + 1 AS _row, * FROM loaded")
}
