package stage

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// A shape is what is known about the mapping's result before any row is read. In
// SQL its columns are c0, c1 and so on: their own names may be anything.
type shape struct {
	mapping string // a SELECT, without a semicolon
	written string // the same, if somebody has written it
	columns []message.Column
	role    map[message.Role]int // the column of a role
	raw     bool                 // _json is {"endpoint": ..., "message": {...}}
	as      string
	read    []message.Column // what the mapper gets
	values  []string         // the same in SQL, of the table sorted

	at, number, file, message int // columns that the mapper gets
}

// hidden are the columns that have a meaning, besides those that a message has.
var hidden = map[string]message.Role{
	"_row":     message.Number,
	"_file":    message.File,
	"_json":    message.JSON,
	"_message": message.Message,
	"_reason":  message.Reason,
	"_raw":     message.Raw,
}

func roleOf(name string) message.Role {
	name = strings.ToLower(name)
	if role, found := hidden[name]; found {
		return role
	}
	return message.RoleOf([]byte(name))
}

// describe asks DuckDB for the columns of the mapping.
func describe(ctx context.Context, db *duck.DB, s *source.Source, o Options) (*shape, error) {
	sh := &shape{mapping: strings.TrimRight(o.Mapping, "; \t\r\n"), role: map[message.Role]int{}}
	sh.written = sh.mapping
	if sh.mapping == "" {
		sh.mapping = "SELECT * FROM source"
		sh.raw = s.Raw
	}
	names, types, err := columnsOf(ctx, db, sh.mapping)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		c := message.Column{Name: name, Role: roleOf(name), Type: types[i], JSON: isJSON(types[i])}
		if c.Role != message.Other {
			if _, found := sh.role[c.Role]; found {
				return nil, fmt.Errorf("two columns are named %s: leave one out with -sql", strings.ToLower(name))
			}
			sh.role[c.Role] = i
			if err := fits(c); err != nil {
				return nil, err
			}
		}
		sh.columns = append(sh.columns, c)
	}
	return sh, nil
}

// columnsOf prepares the mapping, first as it will be used. What the driver
// returns of a result has no types of members, a prepared statement's has. An
// inner query has no two columns of one name: DuckDB renames them.
func columnsOf(ctx context.Context, db *duck.DB, mapping string) (names []string, types []duckdb.TypeInfo, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, sentence(ctx, "DuckDB does not answer", err)
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(c any) error {
		for _, query := range []string{"SELECT * FROM (" + mapping + "\n)", mapping} {
			if names, types, err = prepare(ctx, c.(driver.ConnPrepareContext), query); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		return nil, nil, fmt.Errorf("%s: %w", theMapping, duck.Refused(err, mapping)) // no row was read
	}
	return names, types, nil
}

func prepare(ctx context.Context, conn driver.ConnPrepareContext, query string) (names []string, types []duckdb.TypeInfo, err error) {
	prepared, err := conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = prepared.Close() }()
	statement, ok := prepared.(*duckdb.Stmt)
	if !ok {
		return nil, nil, errors.New("not a statement of DuckDB")
	}
	n, err := statement.ColumnCount()
	for i := 0; i < n && err == nil; i++ {
		var name string
		var info duckdb.TypeInfo
		if name, err = statement.ColumnName(i); err == nil {
			info, err = statement.ColumnTypeInfo(i)
		}
		names, types = append(names, name), append(types, info)
	}
	return names, types, err
}

// setRead decides what the mapper gets. The columns that are added are always
// the same, as the id of an event is made of all of them.
func (sh *shape) setRead() {
	indexes := map[message.Role]*int{message.Timestamp: &sh.at, message.Number: &sh.number, message.File: &sh.file, message.Message: &sh.message}
	add := func(value string, c message.Column) {
		if index := indexes[c.Role]; index != nil {
			*index = len(sh.read)
		}
		sh.values = append(sh.values, value)
		sh.read = append(sh.read, c)
	}
	for i, c := range sh.columns {
		if name, own := ownNames[c.Role]; own {
			add(name, message.Column{Name: c.Name, Role: c.Role})
		} else if sh.raw && c.Role == message.JSON {
			add(column(i), message.Column{Name: c.Name, Role: message.Message})
		} else {
			add(column(i), c)
		}
	}
	for _, role := range []message.Role{message.Number, message.File, message.Timestamp, message.BadTime, message.Reason, message.Raw} {
		if !sh.has(role) {
			add(ownNames[role], message.Column{Role: role})
		}
	}
	if sh.raw && !sh.has(message.Endpoint) {
		add("endpoint", message.Column{Role: message.Endpoint})
	}
}

// ownNames are those of columns of the table sorted that every mapping has.
var ownNames = map[message.Role]string{
	message.Number:    "row",
	message.File:      "file",
	message.Timestamp: "stamp",
	message.BadTime:   "bad_time",
	message.Reason:    "reason",
	message.Raw:       "raw",
}

func (sh *shape) has(role message.Role) bool {
	_, ok := sh.role[role]
	return ok
}

func column(i int) string { return fmt.Sprintf("c%d", i) }

// from is the mapping with the columns c0, c1 and so on.
func (sh *shape) from() string {
	names := make([]string, len(sh.columns))
	for i := range names {
		names[i] = column(i)
	}
	return "(" + sh.mapping + "\n) AS mapping(" + strings.Join(names, ", ") + ")"
}
