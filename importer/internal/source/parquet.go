package source

import (
	"context"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func (s *Source) findParquet() error {
	paths := make([]string, len(s.files))
	for i, f := range s.files {
		paths[i] = duck.Quote(f.path)
	}
	columns := "file_row_number + 1 AS _row, * EXCLUDE (file_row_number)"
	options := "file_row_number = true"
	if len(s.files) > 1 {
		columns = "file_row_number + 1 AS _row, parse_filename(filename) AS _file, * EXCLUDE (file_row_number, filename)"
		options += ", filename = true, union_by_name = true"
	}
	s.SQL = "SELECT " + columns + "\nFROM read_parquet([" + strings.Join(paths, ", ") + "], " + options + ")"
	s.loader = loadParquet
	return nil
}

func loadParquet(ctx context.Context, l *load) error {
	if err := l.fill(ctx, l.s.SQL); err != nil {
		return err
	}
	return l.needRows(ctx)
}
