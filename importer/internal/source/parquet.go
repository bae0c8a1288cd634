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
		name := "parse_filename(filename)"
		if s.alike {
			name = "filename"
		}
		columns = "file_row_number + 1 AS _row, " + name + " AS _file, * EXCLUDE (file_row_number, filename)"
		options += ", filename = true, union_by_name = true"
	}
	s.SQL = "SELECT " + columns + "\nFROM read_parquet([" + strings.Join(paths, ", ") + "], " + options + ")"
	s.loader = loadParquet
	return nil
}

func loadParquet(ctx context.Context, l *load) error {
	if err := l.reserveParquet(ctx); err != nil {
		return err
	}
	if err := l.fill(ctx, l.s.SQL); err != nil {
		return err
	}
	return l.needRows(ctx)
}

// reserveParquet asks the files how large they are without compression.
func (l *load) reserveParquet(ctx context.Context) error {
	var total int64
	for _, f := range l.s.files {
		bytes, err := l.count(ctx, "SELECT coalesce(sum(total_uncompressed_size), 0)::BIGINT FROM parquet_metadata("+duck.Quote(f.path)+")")
		if err != nil {
			return err
		}
		total += bytes
	}
	// Values that are often the same are kept once in Parquet.
	return l.db.Reserve(2 * total)
}
