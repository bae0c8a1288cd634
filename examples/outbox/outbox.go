package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/altertable-ai/altertable-go"
	_ "modernc.org/sqlite"
)

// The tables. AUTOINCREMENT, since an id must never be given twice: the worker
// remembers the ids of the rows that are under way.
const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id     INTEGER PRIMARY KEY,
	person TEXT NOT NULL,
	cents  INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox (
	id       INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of sending
	endpoint TEXT NOT NULL,
	message  TEXT NOT NULL,                     -- JSON, byte for byte as it is sent
	refused  TEXT                               -- why it will never be taken; NULL: to be sent
);
CREATE INDEX IF NOT EXISTS outbox_to_send ON outbox (id) WHERE refused IS NULL;`

// source returns the data source name of the database in a file. With WAL, the
// worker reads while a handler writes. A transaction takes the write lock when
// it begins: one that first reads and then finds the lock taken would fail, and
// busy_timeout would not help it.
func source(path string) string {
	return path + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate"
}

// createTables creates what is missing of the tables.
func createTables(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	return nil
}

// Add puts a message into the outbox, as a part of the caller's transaction. It
// is sent if and only if that is committed: call Worker.Wake then.
//
// The message gets its timestamp and, from a client with WithEventIDs, its
// $event_id here. Both are stored, so they are the same however often the
// message is sent. A message that BeforeSend or a missing consent discards puts
// nothing into the outbox.
//
// After a *altertable.ValidationError or altertable.ErrTooLarge the transaction
// is as it was: a caller may well commit it without the event.
func Add(ctx context.Context, tx *sql.Tx, client *altertable.Client, message altertable.Message) error {
	raw, err := client.Encode(ctx, message)
	if err != nil {
		return err
	}
	if raw.Endpoint == "" {
		return nil // discarded
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox (endpoint, message) VALUES (?, ?)`, raw.Endpoint, string(raw.JSON))
	if err != nil {
		return fmt.Errorf("insert into outbox: %w", err)
	}
	return nil
}
