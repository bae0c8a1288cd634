package stage

import (
	"context"
	"fmt"
)

// reserve asks for the room of a second copy, and of what a sort writes that has
// no room in memory: rows that are not compressed.
func (s *Stage) reserve(ctx context.Context, rows int64) error {
	var used int64
	err := s.db.QueryRowContext(ctx, "SELECT used_blocks * block_size FROM pragma_database_size()").Scan(&used)
	if err != nil {
		return sentence(ctx, "the size of the database cannot be read", err)
	}
	average := 0.0
	query := fmt.Sprintf("SELECT coalesce(avg(%s), 0) FROM (SELECT * FROM %s LIMIT %d)", s.shape.bytes(), s.shape.from(), sampleText)
	err = s.db.Large(ctx, func() error { return s.db.QueryRowContext(ctx, query).Scan(&average) })
	if err != nil {
		return s.shape.sentence(ctx, "the first rows cannot be read", err)
	}
	return s.db.Reserve(used + int64(float64(rows)*(average+float64(valueBytes*len(s.shape.columns)))))
}

// valueBytes is what each value takes in a row that is not compressed, besides
// its text. A sort of 5,000,000 rows of 12 columns wrote 745 MB.
const valueBytes = 8

// rowBytes is what a row takes besides its values.
const rowBytes = 64

// bytes is about the size of a row.
func (sh *shape) bytes() string {
	parts := []string{fmt.Sprint(rowBytes)}
	for i, c := range sh.columns {
		if of := size(c.Type, column(i), 0); of != "" {
			parts = append(parts, "coalesce("+of+", 0)")
		}
	}
	return "(" + sum(parts) + ")::BIGINT"
}

// sum adds halves: DuckDB takes expressions that are 1,000 deep at most.
func sum(parts []string) string {
	switch n := len(parts); n {
	case 0:
		return ""
	case 1:
		return parts[0]
	default:
		return "(" + sum(parts[:n/2]) + " + " + sum(parts[n/2:]) + ")"
	}
}
