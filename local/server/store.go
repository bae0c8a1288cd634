package server

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// format is the version of the file's tables. In the first one events had no
// session_id, and an empty distinct_id where none was sent.
const format = 2

// A store is DuckDB with the data, within the engine. It knows no rule about
// identities: it stores events as they were sent and identities as they are, and
// the view over both joins them.
type store struct {
	sql    *sql.DB
	writer *sql.Conn // for one call at a time
	seq    int64     // of the id first seen last; with writer
}

const tables = `
CREATE SCHEMA altertable.store;
CREATE SCHEMA altertable.analytics;
CREATE TABLE altertable.store.format (version INTEGER);
CREATE TABLE altertable.store.events (
	environment VARCHAR, event VARCHAR, distinct_id VARCHAR, anonymous_id VARCHAR, device_id VARCHAR,
	properties JSON, "timestamp" TIMESTAMPTZ, received_at TIMESTAMPTZ, session_id VARCHAR);
CREATE TABLE altertable.store.ids (environment VARCHAR, id VARCHAR, distinct_id VARCHAR, seq BIGINT);
CREATE TABLE altertable.store.identities (
	environment VARCHAR, distinct_id VARCHAR, traits JSON,
	anonymous_ids VARCHAR[], aliases VARCHAR[], device_ids VARCHAR[],
	created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, created_nanos SMALLINT, updated_nanos SMALLINT);
CREATE VIEW altertable.analytics.identities AS
	SELECT distinct_id, traits, updated_at, environment, anonymous_ids, aliases, device_ids, created_at
	FROM altertable.store.identities;
`

// eventsView joins events with their identities as they are now.
const eventsView = `
CREATE OR REPLACE VIEW altertable.analytics.events AS
	SELECT e.event, e.distinct_id, e.properties, e."timestamp", p.traits AS identity_traits,
		coalesce(p.distinct_id, e.distinct_id, e.anonymous_id) AS identity_id,
		e.environment, e.anonymous_id, e.device_id, e.session_id, e.received_at
	FROM altertable.store.events e` + joinIdentities + `;
`

// joinIdentities joins e, events, with p, identities.
const joinIdentities = `
	LEFT JOIN altertable.store.ids i ON i.environment = e.environment AND i.id = coalesce(e.distinct_id, e.anonymous_id)
	LEFT JOIN altertable.store.identities p ON p.environment = i.environment AND p.distinct_id = i.distinct_id`

const migrateFirst = `
ALTER TABLE altertable.store.events ADD COLUMN session_id VARCHAR;
UPDATE altertable.store.events SET distinct_id = NULL WHERE distinct_id = '';
UPDATE altertable.store.format SET version = 2;
`

// lockdown keeps queries from files, from other databases and from more memory
// than is meant for them. It comes when everything else is set.
const lockdown = `
SET GLOBAL TimeZone = 'UTC';
SET GLOBAL autoinstall_known_extensions = false;
SET GLOBAL autoload_known_extensions = false;
SET GLOBAL temp_directory = '';
SET GLOBAL memory_limit = '2GB';
SET GLOBAL enable_external_access = false;
SET GLOBAL lock_configuration = true;
`

// openStore opens a file, or a database in memory if file is empty. It creates
// the file, unless it has to be there.
func openStore(file string, there bool) (*store, error) {
	if there {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("data file %s: it is not there any more", file)
		}
	}
	s := &store{}
	attached := false // every later connection is a reader's
	connector, err := duckdb.NewConnector("", func(conn driver.ExecerContext) error {
		if !attached {
			return nil
		}
		_, err := conn.ExecContext(context.Background(), `USE altertable.analytics`, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.sql = sql.OpenDB(connector)
	s.sql.SetMaxOpenConns(readers + 1)
	s.sql.SetMaxIdleConns(readers + 1)
	if err := s.attach(file); err != nil {
		return nil, errors.Join(err, s.sql.Close())
	}
	attached = true
	return s, nil
}

func (s *store) attach(file string) (err error) {
	ctx := context.Background()
	if s.writer, err = s.sql.Conn(ctx); err != nil {
		return err
	}
	path := ":memory:"
	if file != "" {
		if path, err = filepath.Abs(file); err != nil {
			return err
		}
	}
	attach := "ATTACH '" + strings.ReplaceAll(path, "'", "''") + "' AS altertable (TYPE duckdb)"
	if err := s.attachUnlocked(ctx, attach); err != nil {
		if locked(err) {
			return fmt.Errorf("data file %s is in use, perhaps by another altertable-local; choose another: %w", file, err)
		}
		return fmt.Errorf("data file %s: %w", file, err)
	}
	if err := s.prepareTables(ctx); err != nil {
		if file != "" {
			err = fmt.Errorf("data file %s: %w", file, err)
		}
		return err
	}
	if _, err := s.writer.ExecContext(ctx, lockdown); err != nil {
		return err
	}
	return s.writer.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM altertable.store.ids`).Scan(&s.seq)
}

// attachUnlocked tries again for a while if the file is locked: the engine of a
// server that was killed lives a moment longer.
func (s *store) attachUnlocked(ctx context.Context, attach string) error {
	const patience, interval = 3 * time.Second, 50 * time.Millisecond
	for deadline := time.Now().Add(patience); ; time.Sleep(interval) {
		_, err := s.writer.ExecContext(ctx, attach)
		if err == nil || !locked(err) || time.Now().After(deadline) {
			return err
		}
	}
}

func locked(err error) bool {
	text := err.Error()
	return strings.Contains(text, "Could not set lock on file") || strings.Contains(text, "being used by another process")
}

// prepareTables creates the tables of a new file, and looks whether those of
// another are its own.
func (s *store) prepareTables(ctx context.Context) error {
	var found int
	count := `SELECT count(*) FROM duckdb_tables() WHERE database_name = 'altertable'`
	if err := s.writer.QueryRowContext(ctx, count).Scan(&found); err != nil {
		return err
	}
	if found == 0 {
		return s.atOnce(ctx, tables+eventsView+fmt.Sprintf("INSERT INTO altertable.store.format VALUES (%d);", format))
	}
	var version int
	if err := s.writer.QueryRowContext(ctx, `SELECT version FROM altertable.store.format`).Scan(&version); err != nil {
		return errors.New("it is not one of altertable-local")
	}
	switch version {
	case format:
		return nil
	case 1:
		return s.atOnce(ctx, migrateFirst+eventsView)
	}
	return fmt.Errorf("its format is %d, and this program's %d", version, format)
}

// atOnce runs statements in a transaction.
func (s *store) atOnce(ctx context.Context, statements string) error {
	_, err := s.writer.ExecContext(ctx, "BEGIN;"+statements+"COMMIT;")
	return err
}

// count returns the number of events.
func (s *store) count() (n int64, err error) {
	err = s.writer.QueryRowContext(context.Background(), `SELECT count(*) FROM altertable.store.events`).Scan(&n)
	return n, err
}

// close closes the data. No call may come any more.
func (s *store) close() error { return errors.Join(s.writer.Close(), s.sql.Close()) }
