package server

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// A bulk is a statement that is run once for many rows, the table
// appended_data of its columns.
type bulk struct {
	statement string
	columns   []string // VARCHAR, unless types says otherwise
	types     map[string]duckdb.TypeInfo
}

var (
	text        = typeInfo(duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR))
	texts       = typeInfo(duckdb.NewListInfo(text))
	timestamptz = typeInfo(duckdb.NewTypeInfo(duckdb.TYPE_TIMESTAMP_TZ))
	smallint    = typeInfo(duckdb.NewTypeInfo(duckdb.TYPE_SMALLINT))
	bigint      = typeInfo(duckdb.NewTypeInfo(duckdb.TYPE_BIGINT))
)

func typeInfo(info duckdb.TypeInfo, err error) duckdb.TypeInfo {
	if err != nil {
		panic(err) // the types above exist
	}
	return info
}

const truncate = `
TRUNCATE altertable.store.events;
TRUNCATE altertable.store.ids;
TRUNCATE altertable.store.identities;
`

var (
	insertEvents = bulk{
		`INSERT INTO altertable.store.events BY NAME FROM appended_data`,
		[]string{"environment", "event", "distinct_id", "anonymous_id", "device_id", "session_id", "properties", "timestamp", "received_at"},
		map[string]duckdb.TypeInfo{"timestamp": timestamptz, "received_at": timestamptz},
	}
	deleteIdentities = bulk{
		`DELETE FROM altertable.store.identities USING appended_data a
			WHERE identities.environment = a.environment AND identities.distinct_id = a.distinct_id`,
		[]string{"environment", "distinct_id"},
		nil,
	}
	insertIdentities = bulk{
		`INSERT INTO altertable.store.identities BY NAME FROM appended_data`,
		[]string{"environment", "distinct_id", "traits", "anonymous_ids", "aliases", "device_ids",
			"created_at", "updated_at", "created_nanos", "updated_nanos"},
		map[string]duckdb.TypeInfo{"anonymous_ids": texts, "aliases": texts, "device_ids": texts,
			"created_at": timestamptz, "updated_at": timestamptz, "created_nanos": smallint, "updated_nanos": smallint},
	}
	renameOwners = bulk{
		`UPDATE altertable.store.ids SET distinct_id = a.owner FROM appended_data a
			WHERE ids.environment = a.environment AND ids.distinct_id = a.former`,
		[]string{"environment", "former", "owner"},
		nil,
	}
	insertIDs = bulk{
		`INSERT INTO altertable.store.ids SELECT a.environment, a.id, a.owner, a.seq FROM appended_data a
			ANTI JOIN altertable.store.ids i ON i.environment = a.environment AND i.id = a.id`,
		[]string{"environment", "id", "owner", "seq"},
		map[string]duckdb.TypeInfo{"seq": bigint},
	}
)

// An appendRow takes the values of one row, in the order of a bulk's columns.
type appendRow func(...driver.Value) error

// run runs the statement for n rows.
func (b bulk) run(conn *duckdb.Conn, n int, each func(i int, row appendRow) error) error {
	if n == 0 {
		return nil
	}
	types := make([]duckdb.TypeInfo, len(b.columns))
	for i, column := range b.columns {
		types[i] = text
		if t := b.types[column]; t != nil {
			types[i] = t
		}
	}
	appender, err := duckdb.NewQueryAppender(conn, b.statement, "", types, b.columns)
	if err != nil {
		return err
	}
	for i := range n {
		if err := each(i, appender.AppendRow); err != nil {
			return errors.Join(err, appender.Close())
		}
	}
	return appender.Close()
}

// apply stores a batch in one transaction.
func (s *store) apply(u *unpacker) error {
	return s.writer.Raw(func(c any) error {
		conn, ctx, seq := c.(*duckdb.Conn), context.Background(), s.seq
		if _, err := conn.ExecContext(ctx, `BEGIN`, nil); err != nil {
			return err
		}
		err := s.write(conn, u)
		if err == nil {
			_, err = conn.ExecContext(ctx, `COMMIT`, nil)
		}
		if err != nil {
			s.seq = seq
			_, rollback := conn.ExecContext(ctx, `ROLLBACK`, nil)
			return errors.Join(err, rollback)
		}
		return nil
	})
}

func (s *store) write(conn *duckdb.Conn, u *unpacker) error {
	if u.bool() {
		if _, err := conn.ExecContext(context.Background(), truncate, nil); err != nil {
			return err
		}
	}
	if err := writeEvents(conn, u); err != nil {
		return err
	}
	c := u.changes()
	if u.err != nil {
		return u.err
	}
	return errors.Join(writeIdentities(conn, c), s.writeIDs(conn, c))
}

func writeEvents(conn *duckdb.Conn, u *unpacker) error {
	return insertEvents.run(conn, u.count(), func(_ int, row appendRow) error {
		e := u.event()
		if u.err != nil {
			return u.err
		}
		return row(e.environment, e.event, optional(e.distinctID), optional(e.anonymousID), optional(e.deviceID),
			optional(e.sessionID), e.properties, instant(e.timestamp), instant(e.receivedAt))
	})
}

func writeIdentities(conn *duckdb.Conn, c changes) error {
	gone := make([]identityKey, 0, len(c.identities)+len(c.formers))
	for _, i := range c.identities {
		gone = append(gone, identityKey{i.Environment, i.DistinctID})
	}
	for _, former := range c.formers {
		gone = append(gone, former.identityKey)
	}
	if err := deleteIdentities.run(conn, len(gone), func(i int, row appendRow) error {
		return row(gone[i].environment, gone[i].id)
	}); err != nil {
		return err
	}
	return insertIdentities.run(conn, len(c.identities), func(n int, row appendRow) error {
		i := &c.identities[n]
		return row(i.Environment, i.DistinctID, i.traits, i.AnonymousIDs, i.Aliases, i.DeviceIDs,
			instant(i.CreatedAt), instant(i.UpdatedAt), nanos(i.CreatedAt), nanos(i.UpdatedAt))
	})
}

func (s *store) writeIDs(conn *duckdb.Conn, c changes) error {
	if err := renameOwners.run(conn, len(c.formers), func(i int, row appendRow) error {
		return row(c.formers[i].environment, c.formers[i].id, c.formers[i].owner)
	}); err != nil {
		return err
	}
	return insertIDs.run(conn, len(c.ids), func(i int, row appendRow) error {
		s.seq++
		return row(c.ids[i].environment, c.ids[i].id, c.ids[i].owner, s.seq)
	})
}

// instant returns a timestamp as the database takes it, nil for none.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// optional returns an id as the database takes it, nil for none.
func optional(id string) any {
	if id == "" {
		return nil
	}
	return id
}
