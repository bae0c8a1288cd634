package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

const (
	// chunk is how many pending rows are applied at once.
	chunk = 16384
	// applyInterval is how long changes stay pending where no query asks for
	// them, and so what a killed process loses of its file.
	applyInterval = time.Second
	// readers is how many queries run at a time.
	readers = 4
)

// format is the version of the file's tables.
const format = 1

// A database answers SQL about what the API's server tells it. It knows no rule
// about identities: it stores events as they were sent and identities as they
// are, and the view over both joins them.
type database struct {
	sql     *sql.DB
	timeout time.Duration // of a query
	// identity asks the API's server
	identity func(environment, id string) (altertabletest.Identity, bool)
	writer   *sql.Conn // guarded by mu

	mu      sync.Mutex
	pending pending
	err     error // why nothing can be stored any more

	failed chan struct{} // closed when err is set
	stop   chan struct{}
	ended  sync.WaitGroup
}

const tables = `
CREATE SCHEMA altertable.store;
CREATE SCHEMA altertable.analytics;
CREATE TABLE altertable.store.format (version INTEGER);
CREATE TABLE altertable.store.events (
	environment VARCHAR, event VARCHAR, distinct_id VARCHAR, anonymous_id VARCHAR, device_id VARCHAR,
	properties JSON, "timestamp" TIMESTAMPTZ, received_at TIMESTAMPTZ);
CREATE TABLE altertable.store.ids (environment VARCHAR, id VARCHAR, distinct_id VARCHAR, seq BIGINT);
CREATE TABLE altertable.store.identities (
	environment VARCHAR, distinct_id VARCHAR, traits JSON,
	anonymous_ids VARCHAR[], aliases VARCHAR[], device_ids VARCHAR[],
	created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, created_nanos SMALLINT, updated_nanos SMALLINT);
CREATE VIEW altertable.analytics.identities AS
	SELECT distinct_id, traits, updated_at, environment, anonymous_ids, aliases, device_ids, created_at
	FROM altertable.store.identities;
CREATE VIEW altertable.analytics.events AS
	SELECT e.event, e.distinct_id, e.properties, e."timestamp", p.traits AS identity_traits,
		coalesce(p.distinct_id, e.distinct_id) AS identity_id,
		e.environment, e.anonymous_id, e.device_id, e.received_at
	FROM altertable.store.events e
	LEFT JOIN altertable.store.ids i ON i.environment = e.environment AND i.id = e.distinct_id
	LEFT JOIN altertable.store.identities p ON p.environment = i.environment AND p.distinct_id = i.distinct_id;
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

// openDatabase opens a file, or a database in memory if file is empty.
func openDatabase(file string) (*database, error) {
	d := &database{timeout: queryTimeout, failed: make(chan struct{}), stop: make(chan struct{})}
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
	d.sql = sql.OpenDB(connector)
	d.sql.SetMaxOpenConns(readers + 1)
	d.sql.SetMaxIdleConns(readers + 1)
	if err := d.attach(file); err != nil {
		return nil, errors.Join(err, d.sql.Close())
	}
	attached = true
	d.ended.Go(d.applyNowAndThen)
	return d, nil
}

func (d *database) attach(file string) (err error) {
	ctx := context.Background()
	if d.writer, err = d.sql.Conn(ctx); err != nil {
		return err
	}
	path := ":memory:"
	if file != "" {
		if path, err = filepath.Abs(file); err != nil {
			return err
		}
	}
	attach := "ATTACH '" + strings.ReplaceAll(path, "'", "''") + "' AS altertable (TYPE duckdb)"
	if _, err := d.writer.ExecContext(ctx, attach); err != nil {
		return fmt.Errorf("data file %s: %w", file, err)
	}
	if err := d.prepareTables(ctx); err != nil {
		if file != "" {
			err = fmt.Errorf("data file %s: %w", file, err)
		}
		return err
	}
	if _, err := d.writer.ExecContext(ctx, lockdown); err != nil {
		return err
	}
	return d.writer.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM altertable.store.ids`).Scan(&d.pending.seq)
}

// prepareTables creates the tables of a new file, and looks whether those of
// another are its own.
func (d *database) prepareTables(ctx context.Context) error {
	var found int
	count := `SELECT count(*) FROM duckdb_tables() WHERE database_name = 'altertable'`
	if err := d.writer.QueryRowContext(ctx, count).Scan(&found); err != nil {
		return err
	}
	if found == 0 {
		create := "BEGIN;" + tables + fmt.Sprintf("INSERT INTO altertable.store.format VALUES (%d); COMMIT;", format)
		_, err := d.writer.ExecContext(ctx, create)
		return err
	}
	var version int
	if err := d.writer.QueryRowContext(ctx, `SELECT version FROM altertable.store.format`).Scan(&version); err != nil {
		return errors.New("it is not one of altertable-local")
	}
	if version != format {
		return fmt.Errorf("its format is %d, and this program's %d", version, format)
	}
	return nil
}

// observe takes a change. It applies what is pending now and then, so that a
// burst of changes is bounded by the disk and not by memory.
func (d *database) observe(change altertabletest.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.err != nil:
		return
	case change.Event != nil:
		d.pending.addEvent(*change.Event)
	case change.Update != nil:
		if identity, ok := d.identity(change.Update.Environment, change.Update.IdentityID); ok {
			d.pending.addIdentity(identity)
		}
	}
	if d.pending.rows() >= chunk {
		d.apply()
	}
}

// catchUp makes all that was observed visible to queries that begin afterwards.
func (d *database) catchUp() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.apply()
	return d.err
}

func (d *database) applyNowAndThen() {
	ticker := time.NewTicker(applyInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = d.catchUp() // d.failed tells
		case <-d.stop:
			return
		}
	}
}

// apply writes what is pending in one transaction. The caller holds mu.
func (d *database) apply() {
	if d.err != nil || d.pending.rows() == 0 {
		return
	}
	if err := d.writer.Raw(func(conn any) error { return d.pending.write(conn.(*duckdb.Conn)) }); err != nil {
		d.err = fmt.Errorf("events cannot be stored: %w", err)
		close(d.failed)
	}
	d.pending.clear()
}

// close applies what is pending. Nothing may be observed or queried any more.
func (d *database) close() error {
	close(d.stop)
	d.ended.Wait()
	return errors.Join(d.catchUp(), d.writer.Close(), d.sql.Close())
}
