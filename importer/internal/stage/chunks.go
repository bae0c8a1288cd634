package stage

import (
	"context"
	"fmt"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A chunk is the rows from one position to another, which is not part of it.
type chunk struct{ from, to int64 }

// Bounds of a chunk. blockRows is what DuckDB reads at once.
const (
	blockRows  = 2048
	chunkRows  = 4 * blockRows
	chunkBytes = 4 << 20
)

// measure notes how many bytes each block of the table has.
func (s *Stage) measure(ctx context.Context) error {
	s.blocks = make([]int64, (s.Messages+blockRows-1)/blockRows)
	rows, err := s.db.QueryContext(ctx, fmt.Sprintf("SELECT rowid // %d, sum(size)::BIGINT FROM sorted GROUP BY 1", blockRows))
	if err != nil {
		return sentence(ctx, "the rows cannot be measured", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var block, bytes int64
		if err := rows.Scan(&block, &bytes); err != nil {
			return sentence(ctx, "the rows cannot be measured", err)
		}
		s.blocks[block] = bytes
	}
	if err := rows.Err(); err != nil {
		return sentence(ctx, "the rows cannot be measured", err)
	}
	return nil
}

// chunk returns the next chunk from a position on. It has blocks as a whole,
// except the first one, and one that is too large for a chunk.
func (s *Stage) chunk(ctx context.Context, from int64) (chunk, error) {
	c := chunk{from: from, to: from}
	bytes := int64(0)
	for c.to < s.Messages && c.to-from < chunkRows {
		block := c.to / blockRows
		if bytes+s.blocks[block] > s.chunkBytes {
			break
		}
		bytes += s.blocks[block]
		c.to = min(s.Messages, (block+1)*blockRows)
	}
	if c.to > from || from >= s.Messages {
		return c, nil
	}
	return s.partOfBlock(ctx, from)
}

// partOfBlock returns as many rows of a block as a chunk may have, but one at
// least.
func (s *Stage) partOfBlock(ctx context.Context, from int64) (chunk, error) {
	end := min(s.Messages, (from/blockRows+1)*blockRows)
	var to int64
	query := fmt.Sprintf(
		"SELECT coalesce(min(rowid) FILTER (bytes > %d AND rowid > %d), %d) FROM (SELECT rowid, sum(size) OVER (ORDER BY rowid) AS bytes FROM sorted WHERE rowid >= %d AND rowid < %d)",
		s.chunkBytes, from, end, from, end)
	err := s.db.Reading(ctx, func() error { return s.db.QueryRowContext(ctx, query).Scan(&to) })
	if err != nil {
		return chunk{}, sentence(ctx, "the rows cannot be measured", err)
	}
	return chunk{from: from, to: to}, nil
}

// group is the first position of the rows that are equal to the one at position,
// and follow one another up to it: they are numbered from there.
func (s *Stage) group(ctx context.Context, position int64) (int64, error) {
	if position <= s.Messages-s.Endpoints[record.Track] || position >= s.Messages {
		return position, nil
	}
	var first int64
	err := s.db.QueryRowContext(ctx, fmt.Sprintf(
		"SELECT coalesce(max(rowid) + 1, 0) FROM sorted WHERE rowid < %d AND hash <> (SELECT hash FROM sorted WHERE rowid = %d)",
		position, position)).Scan(&first)
	if err != nil {
		return 0, sentence(ctx, "the rows cannot be read", err)
	}
	return first, nil
}
