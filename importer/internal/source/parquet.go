package source

import (
	"context"
	"database/sql"
	"maps"
	"path/filepath"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func (s *Source) findParquet() error {
	names := s.parquetNames()
	paths := make([]string, len(s.files))
	for i, f := range s.files {
		paths[i] = duck.Quote(f.path)
	}
	all := "[" + strings.Join(paths, ", ") + "]"
	s.loader = loadParquet
	switch {
	case names.taken["file_row_number"]: // DuckDB cannot number the rows then
		selects := make([]string, len(s.files))
		for i := range s.files {
			selects[i] = "SELECT row_number() OVER () AS _row, " + s.fileColumn(&s.files[i]) + "*\nFROM read_parquet(" + paths[i] + names.options + ")"
		}
		s.SQL = strings.Join(selects, "\nUNION ALL BY NAME\n")
	case len(s.files) == 1:
		s.SQL = "SELECT file_row_number + 1 AS _row, * EXCLUDE (file_row_number)\nFROM read_parquet(" + all + ", file_row_number = true" + names.options + ")"
	default:
		column, option := "filename", "true"
		if names.taken[column] {
			column = unusedName(column, names.taken)
			option = duck.Quote(column)
		}
		label := column
		if !s.alike {
			label = "parse_filename(" + column + ")"
		}
		s.SQL = "SELECT file_row_number + 1 AS _row, " + label + " AS _file, * EXCLUDE (file_row_number, " + column + ")\nFROM read_parquet(" + all +
			", file_row_number = true, filename = " + option + ", union_by_name = true" + names.options + ")"
	}
	return nil
}

// parquetNames are the names of columns in files of Parquet.
type parquetNames struct {
	taken   map[string]bool // in lower case
	options string          // by which the files' own columns are read
}

// parquetNames asks the files. What they do not answer, they do not when they are read.
//
// DuckDB makes columns of folders that are called NAME=VALUE, and one hides the files'
// own column of that name. Then the files' own ones are right.
func (s *Source) parquetNames() parquetNames {
	names := parquetNames{taken: map[string]bool{}}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return names
	}
	defer func() { _ = db.Close() }()
	own := map[string]bool{}
	for _, f := range s.files {
		columns, _ := duck.Texts(context.Background(), db, "SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet("+duck.Quote(f.path)+", hive_partitioning = false))")
		for _, name := range columns {
			own[strings.ToLower(name)] = true
		}
	}
	for _, name := range s.folders() {
		if own[name] {
			names.options = ", hive_partitioning = false"
			names.taken = own
			return names
		}
		names.taken[name] = true
	}
	maps.Copy(names.taken, own)
	return names
}

// folders are the names in folders that are called NAME=VALUE, in lower case.
func (s *Source) folders() (names []string) {
	for _, f := range s.files {
		for part := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(f.path)), "/") {
			if name, _, found := strings.Cut(part, "="); found {
				names = append(names, strings.ToLower(name))
			}
		}
	}
	return names
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
