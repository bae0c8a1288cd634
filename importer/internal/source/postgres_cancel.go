package source

import (
	"context"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// cancelPostgres has Postgres end what it does for this import until done is closed.
// DuckDB notices an interrupt at the next row alone, and that may be far: a view has
// to be worked out, or a lock is waited for.
func (l *load) cancelPostgres(address, name string, done <-chan struct{}) {
	const again = time.Second // what was cancelled may have been the statement before
	ctx := context.Background()
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	const other = "postgres_cancel"
	if _, err := conn.ExecContext(ctx, "ATTACH "+duck.Quote(address)+" AS "+other+" (TYPE postgres, READ_ONLY)"); err != nil {
		return
	}
	defer func() { _, _ = conn.ExecContext(ctx, "DETACH "+other) }()
	// Without CASE Postgres may call the function for other connections first.
	cancel := "FROM postgres_query('" + other + "', " + duck.Quote("SELECT 1 FROM pg_stat_activity WHERE CASE WHEN application_name = "+duck.Quote(name)+
		" AND pid <> pg_backend_pid() THEN pg_cancel_backend(pid) ELSE false END") + ")"
	for {
		_, _ = conn.ExecContext(ctx, cancel) // there is a second signal for where it fails
		select {
		case <-done:
			return
		case <-time.After(again):
		}
	}
}
