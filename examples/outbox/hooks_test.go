package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/http"
	"strings"

	"modernc.org/sqlite"
)

// A hook is called before each thing that changes the database or reaches the
// platform, and may fail it. A process that is killed leaves behind what it did
// to these two and nothing else, so no step between two calls can be missed.
type hook func(step string) error

// hookedDB opens a database whose every use is told to h.
func hookedDB(source string, h hook) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(source)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(hookedConnector{connector, h}), nil
}

type hookedConnector struct {
	driver.Connector
	hook hook
}

func (c hookedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return hookedConn{made.(conn), c.hook}, nil
}

// A conn is what database/sql uses of a connection of this driver.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type hookedConn struct {
	conn
	hook hook
}

func (c hookedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.hook("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := c.conn.BeginTx(ctx, opts)
	return hookedTx{tx, c.hook}, err
}

func (c hookedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.hook(verb(query)); err != nil {
		return nil, err
	}
	return c.conn.ExecContext(ctx, query, args)
}

func (c hookedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.hook(verb(query)); err != nil {
		return nil, err
	}
	return c.conn.QueryContext(ctx, query, args)
}

// Prepare would be a way around the hook.
func (c hookedConn) Prepare(string) (driver.Stmt, error) { panic("statements are not hooked") }

type hookedTx struct {
	driver.Tx
	hook hook
}

func (t hookedTx) Commit() error {
	if err := t.hook("COMMIT"); err != nil {
		return errors.Join(err, t.Tx.Rollback()) // as the driver does
	}
	err := t.Tx.Commit()
	_ = t.hook("committed")
	return err
}

func (t hookedTx) Rollback() error {
	if err := t.hook("ROLLBACK"); err != nil {
		return err
	}
	return t.Tx.Rollback()
}

// verb returns a statement's name and table: "INSERT INTO orders".
func verb(query string) string {
	words := strings.Fields(query)
	if words[0] == "UPDATE" {
		return strings.Join(words[:2], " ")
	}
	return strings.Join(words[:3], " ")
}

// hookedTransport tells a hook before a request leaves, and when its answer is there.
type hookedTransport struct{ hook hook }

func (t hookedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.hook("request"); err != nil {
		return nil, err
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	_ = t.hook("answer")
	return answer, err
}
