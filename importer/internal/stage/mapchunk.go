package stage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// mapChunk makes the messages of a chunk. A panic ends neither the process nor,
// where it is about one row, the import.
func (s *Stage) mapChunk(ctx context.Context, conn *sql.Conn, c chunk) (rows []message.Mapped, err error) {
	defer func() {
		if p := recover(); p != nil {
			rows, err = nil, fmt.Errorf("rows %d to %d of the sorted source cannot be read: the importer has a bug (%T)", c.from, c.to, p)
		}
	}()
	moved, err := s.moved(ctx, conn, c)
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf("SELECT %s FROM sorted WHERE rowid >= %d AND rowid < %d", strings.Join(s.shape.values, ", "), c.from, c.to)
	err = s.db.Reading(ctx, func() error {
		rows = make([]message.Mapped, 0, c.to-c.from)
		return each(ctx, conn, query, func(values []driver.Value) {
			position := c.from + int64(len(rows))
			if at, ok := moved[position]; ok {
				values[s.shape.at] = at
			}
			row := s.mapRow(values)
			row.Position = position
			rows = append(rows, row)
		})
	})
	if err != nil {
		return nil, sentence(ctx, "the sorted rows cannot be read", err)
	}
	if int64(len(rows)) != c.to-c.from {
		return nil, fmt.Errorf("DuckDB returned %d of %d sorted rows", len(rows), c.to-c.from)
	}
	return rows, nil
}

// reasonPanic refuses a row that package message has no way to deal with.
const reasonPanic = "the importer cannot handle this row: please report it"

func (s *Stage) mapRow(values []driver.Value) (m message.Mapped) {
	defer func() {
		if p := recover(); p != nil {
			m = message.Mapped{Row: record.Row{At: record.NoTime, Message: []byte("null"), Reason: reasonPanic}}
			if n, ok := values[s.shape.number].(int64); ok {
				m.Number = n
			}
			if file, ok := values[s.shape.file].(string); ok {
				m.File = file
			}
		}
	}()
	if s.shape.raw {
		i := s.shape.message
		if line, ok := values[i].(string); ok {
			values[i] = messageOf(line)
		}
	}
	return s.mapper.Map(values)
}

// moved are the instants of a chunk's identifies that were moved.
func (s *Stage) moved(ctx context.Context, conn *sql.Conn, c chunk) (map[int64]int64, error) {
	if s.Moved == 0 || c.from >= s.Endpoints[""]+s.Endpoints[record.Identify] {
		return nil, nil
	}
	moved := map[int64]int64{}
	query := fmt.Sprintf("SELECT position, stamp FROM moves WHERE position >= %d AND position < %d", c.from, c.to)
	err := each(ctx, conn, query, func(values []driver.Value) { moved[values[0].(int64)] = values[1].(int64) })
	if err != nil {
		return nil, sentence(ctx, "the sorted rows cannot be read", err)
	}
	return moved, nil
}

// each calls row for each row of a query, with values that it may change, but not
// keep. It goes past package sql, which would copy each value once more.
func each(ctx context.Context, conn *sql.Conn, query string, row func([]driver.Value)) error {
	return conn.Raw(func(c any) error {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, query, nil)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		values := make([]driver.Value, len(rows.Columns()))
		for {
			switch err := rows.Next(values); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			row(values)
		}
	})
}
