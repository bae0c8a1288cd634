// Package e2e holds tests alone: they run the command against a test server as a
// process, kill it, refuse it, cut it off, give it files that are damaged, and
// count what became of every row.
//
//	go test -C importer ./internal/e2e
//	go test -C importer ./internal/e2e -v -run TestBig -big 2GB -timeout 30m
//	go test -C importer ./internal/e2e -race -with-race
//
// TestPostgres needs DuckDB's extension for Postgres where the command looks for it,
// and a server's programs: in PATH, in /usr/lib/postgresql, or in the directory that
// ALTERTABLE_TEST_POSTGRES_BIN names. It says what is missing, and is skipped.
//
// A row carries a number that no other has. The ledger hears of everything that the
// server stores. The verdict compares it with the rows: nothing is missing, nothing
// is there that was in no row, and what is there twice has the same $event_id.
//
// Whatever the command prints is looked through: no value of a row may be in it,
// nor the key, nor a trace of a panic.
//
// The command is built once for a run, without the race detector except with
// -with-race.
package e2e
