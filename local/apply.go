package main

import (
	"context"
	"database/sql/driver"
	"errors"

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

var (
	insertEvents = bulk{
		`INSERT INTO altertable.store.events FROM appended_data`,
		[]string{"environment", "event", "distinct_id", "anonymous_id", "device_id", "properties", "timestamp", "received_at"},
		map[string]duckdb.TypeInfo{"timestamp": timestamptz, "received_at": timestamptz},
	}
	deleteIdentities = bulk{
		`DELETE FROM altertable.store.identities USING appended_data a
			WHERE identities.environment = a.environment AND identities.distinct_id = a.distinct_id`,
		[]string{"environment", "distinct_id"},
		nil,
	}
	insertIdentities = bulk{
		`INSERT INTO altertable.store.identities FROM appended_data`,
		[]string{"environment", "distinct_id", "traits", "anonymous_ids", "aliases", "device_ids",
			"created_at", "updated_at", "created_nanos", "updated_nanos"},
		map[string]duckdb.TypeInfo{"anonymous_ids": texts, "aliases": texts, "device_ids": texts,
			"created_at": timestamptz, "updated_at": timestamptz, "created_nanos": smallint, "updated_nanos": smallint},
	}
	mergeIDs = bulk{
		`MERGE INTO altertable.store.ids USING appended_data a ON ids.environment = a.environment AND ids.id = a.id
			WHEN MATCHED THEN UPDATE SET distinct_id = a.distinct_id
			WHEN NOT MATCHED THEN INSERT VALUES (a.environment, a.id, a.distinct_id, a.seq)`,
		[]string{"environment", "id", "distinct_id", "seq"},
		map[string]duckdb.TypeInfo{"seq": bigint},
	}
)

// run runs the statement for the rows that each yields.
func (b bulk) run(conn *duckdb.Conn, each func(row func(...driver.Value) error) error) (err error) {
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
	return errors.Join(each(appender.AppendRow), appender.Close())
}

// write applies p in one transaction.
func (p *pending) write(conn *duckdb.Conn) error {
	ctx := context.Background()
	if _, err := conn.ExecContext(ctx, `BEGIN`, nil); err != nil {
		return err
	}
	if err := errors.Join(p.writeEvents(conn), p.writeIdentities(conn)); err != nil {
		_, rollback := conn.ExecContext(ctx, `ROLLBACK`, nil)
		return errors.Join(err, rollback)
	}
	_, err := conn.ExecContext(ctx, `COMMIT`, nil)
	return err
}

func (p *pending) writeEvents(conn *duckdb.Conn) error {
	if len(p.events) == 0 {
		return nil
	}
	return insertEvents.run(conn, func(row func(...driver.Value) error) error {
		for _, e := range p.events {
			if err := row(e.Environment, e.Event.Event, e.DistinctID, optional(e.AnonymousID), optional(e.DeviceID),
				e.properties, instant(e.Timestamp), instant(e.ReceivedAt)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *pending) writeIdentities(conn *duckdb.Conn) error {
	if len(p.ids) == 0 {
		return nil
	}
	if err := deleteIdentities.run(conn, func(row func(...driver.Value) error) error {
		for key := range p.identities {
			if err := row(key.environment, key.id); err != nil {
				return err
			}
		}
		for key := range p.gone {
			if err := row(key.environment, key.id); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := insertIdentities.run(conn, func(row func(...driver.Value) error) error {
		for _, i := range p.identities {
			if err := row(i.Environment, i.DistinctID, i.traits, i.AnonymousIDs, i.Aliases, i.DeviceIDs,
				instant(i.CreatedAt), instant(i.UpdatedAt), nanos(i.CreatedAt), nanos(i.UpdatedAt)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return mergeIDs.run(conn, func(row func(...driver.Value) error) error {
		for _, i := range p.ids {
			if err := row(i.environment, i.id, i.distinctID, i.seq); err != nil {
				return err
			}
		}
		return nil
	})
}
