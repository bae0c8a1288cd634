//go:build unix

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// All that is done with Postgres, against one server: it takes seconds to make one.
func TestPostgres(t *testing.T) {
	s := startPostgres(t)
	t.Run("all", func(t *testing.T) { // it returns when they have ended, and the server ends after that
		inPostgres(t, s, "rows", testPostgresRows)
		inPostgres(t, s, "column_values", testPostgresValues)
		inPostgres(t, s, "no_numbers", testPostgresNoNumbers)
		inPostgres(t, s, "changes", testPostgresChanges)
		inPostgres(t, s, "connections", testPostgresConnections)
		inPostgres(t, s, "broken_off", testPostgresBrokenOff)
	})
}

// Every row of a table arrives once, whether Postgres writes it as text or DuckDB's
// extension reads it as it is, and a finished import sends nothing more.
func testPostgresRows(w *world, s *postgresServer) {
	t := w.t
	rows := s.events(5000)
	address := s.address()
	for name, args := range map[string][]string{
		"as text":  {"-table", "events", address},
		"as it is": {"-table", "rows.plain", address},
		"query":    {"-sql", "SELECT e.* EXCLUDE (third), third > 1 AS more FROM events e JOIN rows.plain USING (n)", address},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.secrets = append(w.secrets, readerPassword, "reader/pw", "reader%2Fpw")
			state := filepath.Join(w.dir, "s")
			r := w.ok(append([]string{"-state", state}, args...)...)
			assert.EqualValues(t, len(rows), r.report.Delivered)
			w.nothingMore(r.report, append([]string{"-state", state}, args...)...)
			assert.Zero(t, w.require(t, rows, 0))
			for _, secret := range w.secrets {
				assert.NotContains(t, w.read(state), secret)
			}
		})
	}
}

// Values arrive as Postgres has them.
func testPostgresValues(w *world, s *postgresServer) {
	t := w.t
	s.exec(`CREATE TYPE plan AS ENUM ('free', 'pro')`, `CREATE TYPE address AS (street text, zip numeric)`, `CREATE DOMAIN price AS numeric(12, 2)`,
		`CREATE TABLE users (distinct_id numeric, exact numeric, cents price, hundreds numeric(10, -2), small numeric(3, 5), js json, jb jsonb, tags text[], sums numeric[],
			matrix int[], plan plan, at address, ip inet, net cidr, bytes bytea, day date, moment timestamptz, uid uuid, ok boolean, nothing text,
			full_name text GENERATED ALWAYS AS (plan_name || '!') STORED, plan_name text, "Mixed Case" text)`,
		`INSERT INTO users VALUES (9007199254740993, 1.333333333333333333333, 1.50, 1234, 0.00123, '{"b": 1.50, "a": [1]}', '{"a": 9007199254740993}', '{"a","b \"q\"",NULL}', '{0.10,2}',
			'{{1,2},{3,4}}', 'pro', ROW('s', 1.10), '10.0.0.4', '10.0.0.0/8', '\x00ff10', '2024-02-29', '2024-02-29 12:00:00+02', '6f2f1d0c-9a56-4a7e-8f5a-2f6b1f0c8d11', true, NULL,
			DEFAULT, 'x', 'y')`,
		`GRANT SELECT ON users TO `+s.name)
	r := w.run("-dry-run", "-show-values", "-table", "users", s.address())
	require.Zero(t, r.code, tail(r.said()))
	for _, value := range []string{
		`distinct_id: "9007199254740993"`, `exact: 1.333333333333333333333`, `cents: 1.50`, `hundreds: 1200`, `small: 0.00123`, `js: {"b": 1.50, "a": [1]}`,
		`jb: {"a": 9007199254740993}`, `tags: ["a","b \"q\"",null]`, `sums: [0.10,2]`, `matrix: [[1,2],[3,4]]`, `plan: "pro"`, `at: {"street":"s","zip":1.10}`,
		`ip: "10.0.0.4"`, `net: "10.0.0.0/8"`, `bytes: "AP8Q"`, `day: "2024-02-29"`, `moment: "2024-02-29T10:00:00.000Z"`,
		`uid: "6f2f1d0c-9a56-4a7e-8f5a-2f6b1f0c8d11"`, `ok: true`, `full_name: "x!"`, `Mixed Case: "y"`,
	} {
		assert.Contains(t, r.stdout, value+"\n")
	}
	assert.NotContains(t, r.stdout, "nothing:")
}

// What JSON has not is refused by row, never sent as another value.
func testPostgresNoNumbers(w *world, s *postgresServer) {
	t := w.t
	s.exec(`CREATE TABLE users (distinct_id text, n int, a numeric, b numeric(5, 2), c double precision, d timestamptz)`,
		`INSERT INTO users VALUES ('u0', 0, 1, 1, 1, now()), ('u1', 1, 'NaN', 1, 1, now()), ('u2', 2, 1, 'NaN', 1, now()), ('u3', 3, 'Infinity', 1, 1, now()),
			('u4', 4, 1, 1, 'NaN', now()), ('u5', 5, 1, 1, 1, 'infinity')`,
		`GRANT SELECT ON users TO `+s.name)
	address := s.address()
	r := w.run("-state", filepath.Join(w.dir, "s"), "-table", "users", address)
	assert.Equal(t, 2, r.code, tail(r.said()))
	w.require(t, map[id]bool{{"identify", 0}: true}, 0)
	require.NotNil(t, r.report)
	assert.EqualValues(t, 5, r.report.refused(), "%v", r.report.Rejected)
	var lines int
	for line := range strings.Lines(w.read(filepath.Join(w.dir, "s.rejects.ndjson"))) {
		assert.True(t, json.Valid([]byte(line)))
		lines++
	}
	assert.Equal(t, 5, lines)
	w.refused(1, []string{"the column b has a NaN", "postgres_query"}, "-state", filepath.Join(w.dir, "q"), "-sql", "SELECT distinct_id, b FROM users", address)
}

// A table that grows is another source, and one whose rows have moved is the same.
func testPostgresChanges(w *world, s *postgresServer) {
	t := w.t
	rows := s.events(20_000)
	args := []string{"-state", filepath.Join(w.dir, "s"), "-table", "events", s.address()}
	slow := w.srv.Always(altertabletest.Delay(20 * time.Millisecond))
	p := w.start(args...)
	require.True(t, w.awaitStored(p, 3000), "it ended: %s", tail(p.stderr.String()))
	assert.Zero(t, s.ask("SELECT count(*)::int FROM pg_stat_activity WHERE usename = '"+s.name+"'"), "nothing is held in Postgres while it sends")
	p.kill()
	p.silent(w.secrets...)
	slow.Release()
	s.exec("INSERT INTO events (event, distinct_id, timestamp, n) VALUES ('page_viewed', 'zq7x', '2023-01-01', 20000)")
	r := w.run(args...)
	assert.Equal(t, 1, r.code, tail(r.said())) // what it had sent may still be stored meanwhile
	assert.Contains(t, r.stderr, "there were 20000 messages to be sent and now there are 20001")
	s.exec("DELETE FROM events WHERE n = 20000", "UPDATE events SET event = event WHERE n % 3 = 0")
	r = w.ok(args...)
	assert.Positive(t, r.report.Earlier)
	assert.LessOrEqual(t, int64(w.require(t, rows, inFlight)), r.report.Duplicates)
}

// Each way of giving the password works, and whatever goes wrong is a sentence that
// does not have it.
func testPostgresConnections(w *world, s *postgresServer) {
	t := w.t
	s.events(10)
	home := os.Getenv("HOME")
	w.file("pgpass", "*:*:*:"+s.name+":"+readerPassword+"\n")
	w.file("services", "[app]\nhost="+s.dir+"\nuser="+s.name+"\ndbname=postgres\npassword="+readerPassword+"\n")
	bare := "postgres://" + s.name + "@/postgres?host=" + s.dir
	env := append(w.env, "HOME="+home)
	for name, c := range map[string]struct{ env, address string }{
		"url":        {"", s.address()},
		"PGPASSWORD": {"PGPASSWORD=" + readerPassword, bare},
		"pgpass":     {"PGPASSFILE=" + filepath.Join(w.dir, "pgpass"), bare},
		"service":    {"PGSERVICEFILE=" + filepath.Join(w.dir, "services"), "postgres://?service=app"},
	} {
		w.env = append(env[:len(env):len(env)], c.env)
		r := w.run("-dry-run", "-table", "events", c.address)
		assert.Zero(t, r.code, "%s: %s", name, tail(r.said()))
	}
	w.env = env
	s.exec(`CREATE FUNCTION wipe() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM connections.events RETURNING 1::bigint'`,
		"CREATE TABLE hidden AS SELECT 1 AS distinct_id", "CREATE TABLE partly (distinct_id text, secret text)", "INSERT INTO partly VALUES ('u1', 'zq7x')", "GRANT SELECT (distinct_id) ON partly TO "+s.name)
	address := s.address()
	for name, c := range map[string]struct {
		words []string
		args  []string
	}{
		"wrong password": {[]string{"cannot connect", "password authentication failed"}, []string{"-table", "events", s.url(s.name, readerPassword+"!")}},
		"no password":    {[]string{"cannot connect", "no password"}, []string{"-table", "events", bare}},
		"no server":      {[]string{"cannot connect", "running"}, []string{"-table", "events", strings.Replace(address, filepath.Base(s.dir), "none", 1)}},
		"no database":    {[]string{"cannot connect", "does not exist"}, []string{"-table", "events", strings.Replace(address, "/postgres?", "/none?", 1)}},
		"no such option": {[]string{"cannot connect", "nonsense"}, []string{"-table", "events", address + "&nonsense=1"}},
		"no table":       {[]string{"has no table none; it has", "events, partly, plain"}, []string{"-table", "none", address}},
		"which table":    {[]string{"has 3 tables", "-table", "-sql"}, []string{address}},
		"no permission":  {[]string{"Postgres says: permission denied for table hidden"}, []string{"-table", "hidden", address}},
		"no table, sql":  {[]string{"none does not exist"}, []string{"-sql", "SELECT * FROM none", address}},
		"write":          {[]string{"-sql is one SELECT"}, []string{"-sql", "DELETE FROM events", address}},
		"write within":   {[]string{"read-only transaction"}, []string{"-sql", "FROM postgres_query('postgres_db', 'SELECT wipe()')", address}},
		"in the query":   {[]string{"password=...", "password authentication failed"}, []string{"-sql", "FROM postgres_scan('host=" + s.dir + " user=" + s.name + " password=''" + readerPassword + "!''', 'connections', 'events')"}},
		"capitals":       {[]string{"there is no file POSTGRES://..."}, []string{"POSTGRES" + strings.TrimPrefix(strings.ReplaceAll(address, "?", ""), "postgres")}},
	} {
		r := w.run(append([]string{"-state", filepath.Join(w.dir, "s")}, c.args...)...)
		t.Run(name, func(t *testing.T) { w.bad(t, r, c.words...) })
	}
	assert.Equal(t, 10, s.ask("SELECT count(*)::int FROM connections.events"))
	r := w.run("-dry-run", "-table", "partly", address)
	assert.Zero(t, r.code, "the columns that the role may read\n%s", tail(r.said()))
}

// Where the connection breaks off, or an interrupt comes, nothing was sent and
// nothing is left.
func testPostgresBrokenOff(w *world, s *postgresServer) {
	t := w.t
	rows := s.events(10)
	// A view that gives no row for ages: what comes is certain to come before its end.
	s.exec("CREATE VIEW endless AS SELECT e.* FROM events e, LATERAL (SELECT pg_sleep(3600)) AS pause", "GRANT SELECT ON endless TO "+s.name)
	state := filepath.Join(w.dir, "s")
	count := func() int {
		return s.ask("SELECT count(*)::int FROM pg_stat_activity WHERE usename = '" + s.name + "' AND query LIKE 'COPY%endless%' AND state = 'active' AND application_name LIKE 'altertable-import-%'")
	}
	reading := func(others int) *process {
		p := w.start("-state", state, "-table", "endless", s.address())
		for p.running() && count() == others {
		}
		return p
	}
	p := reading(0)
	s.ask("SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity WHERE usename = '" + s.name + "'")
	w.bad(t, w.result(p, ""), "connection ended while the rows were read", "run the same command again")
	other := reading(0)
	p = reading(1)
	p.signal(os.Interrupt)
	r := w.result(p, "")
	assert.Equal(t, interrupted, r.code, tail(r.said()))
	assert.Zero(t, w.stored())
	assert.NoFileExists(t, state)
	assert.True(t, other.running(), "another import of the role goes on")
	assert.Equal(t, 1, count())
	other.signal(os.Interrupt)
	assert.Equal(t, interrupted, other.wait())
	w.ok("-state", state, "-table", "events", s.address())
	assert.Zero(t, w.require(t, rows, 0))
}
