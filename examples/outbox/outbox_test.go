package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// newDB returns a new database, closed with the test.
func newDB(t *testing.T) *sql.DB {
	t.Helper()
	return newHookedDB(t, func(string) error { return nil })
}

func newHookedDB(t *testing.T, h hook) *sql.DB {
	t.Helper()
	db, err := hookedDB(source(filepath.Join(t.TempDir(), "shop.db")), h)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	require.NoError(t, createTables(t.Context(), db))
	return db
}

// add commits each message in a transaction of its own.
func add(t *testing.T, db *sql.DB, client *altertable.Client, messages ...altertable.Message) {
	t.Helper()
	for _, m := range messages {
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, Add(t.Context(), tx, client, m))
		require.NoError(t, tx.Commit())
	}
}

func event(name string) altertable.Track { return altertable.Track{Event: name, DistinctID: "u_1"} }

// stored returns the messages of the outbox.
func stored(t *testing.T, db *sql.DB) (found []altertable.Raw) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT endpoint, message FROM outbox ORDER BY id`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var r altertable.Raw
		require.NoError(t, rows.Scan(&r.Endpoint, (*[]byte)(&r.JSON)))
		found = append(found, r)
	}
	require.NoError(t, rows.Err())
	return found
}

func TestAddIsPartOfTheTransaction(t *testing.T) {
	client, _ := altertabletest.New(t, altertable.WithEventIDs())
	db := newDB(t)
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	require.NoError(t, Add(ctx, tx, client, event("order_placed")))
	require.NoError(t, tx.Rollback())
	assert.Empty(t, stored(t, db))

	add(t, db, client, event("order_placed"), altertable.Identify{DistinctID: "u_1"}, altertable.Alias{DistinctID: "a", NewUserID: "u_1"})
	cancel()
	found := stored(t, db)
	require.Len(t, found, 3)
	assert.Equal(t, "track", found[0].Endpoint)
	assert.Equal(t, "identify", found[1].Endpoint)
	assert.Equal(t, "alias", found[2].Endpoint)
	var message struct {
		Event      string
		Timestamp  string
		Properties map[string]any
	}
	require.NoError(t, json.Unmarshal(found[0].JSON, &message))
	assert.Equal(t, "order_placed", message.Event)
	assert.NotEmpty(t, message.Timestamp)
	assert.NotEmpty(t, message.Properties["$event_id"])
	assert.Zero(t, client.Stats().Accepted, "Add queues nothing")
}

func TestAddOfWhatIsDiscardedInsertsNothing(t *testing.T) {
	discarding, _ := altertabletest.New(t, altertable.WithBeforeSend(func(altertable.Message) altertable.Message { return nil }))
	for name, client := range map[string]*altertable.Client{"by BeforeSend": discarding, "by a nil client": nil} {
		t.Run(name, func(t *testing.T) {
			db := newDB(t)
			add(t, db, client, event("order_placed"))
			assert.Empty(t, stored(t, db))
		})
	}
}

func TestAddOfAnInvalidMessageLeavesTheTransactionAsItWas(t *testing.T) {
	client, _ := altertabletest.New(t)
	db := newDB(t)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `INSERT INTO orders (id, person, cents) VALUES (1, 'u_1', 1)`)
	require.NoError(t, err)
	var invalid *altertable.ValidationError
	require.ErrorAs(t, Add(t.Context(), tx, client, altertable.Track{DistinctID: "u_1"}), &invalid)
	require.NoError(t, tx.Commit())
	assert.Empty(t, stored(t, db))
	var orders int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM orders`).Scan(&orders))
	assert.Equal(t, 1, orders)
}

func TestAddReportsTheDatabase(t *testing.T) {
	client, _ := altertabletest.New(t)
	broken := errors.New("disk is full")
	db := newHookedDB(t, func(step string) error {
		if step == "INSERT INTO outbox" {
			return broken
		}
		return nil
	})
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	require.ErrorIs(t, Add(t.Context(), tx, client, event("order_placed")), broken)
}
