//go:build unix

package e2e

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// postgresBin is the variable with the directory that initdb and postgres are in.
const postgresBin = "ALTERTABLE_TEST_POSTGRES_BIN"

const (
	adminPassword  = "zq7x-admin-pw"
	readerPassword = "zq7x reader/pw?"
)

// A postgresServer listens on a socket in its directory alone. Each test has a schema
// of its own, and a role that finds its tables there.
type postgresServer struct {
	t     *testing.T
	dir   string
	admin *sql.DB // DuckDB, with the database attached as pg
	name  string  // of the schema and of the role
}

// startPostgres skips the test where there is no server or no extension.
func startPostgres(t *testing.T) *postgresServer {
	t.Helper()
	admin := withExtension(t)
	bin := findPostgres(t)
	dir, err := os.MkdirTemp("", "pg-") // a socket's path has to be short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	s := &postgresServer{t: t, dir: dir, admin: admin}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pw"), []byte(adminPassword), 0o600))
	as := unprivileged(t, dir)
	data := filepath.Join(dir, "data")
	out, err := as(exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "admin", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--pwfile", filepath.Join(dir, "pw"))).CombinedOutput()
	require.NoError(t, err, "%s", out)
	server := &process{t: t, ended: make(chan struct{})}
	server.cmd = as(exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "TimeZone=Europe/Berlin"))
	server.cmd.Stderr = &server.stderr
	require.NoError(t, startCommand(server.cmd))
	go func() {
		_ = server.cmd.Wait() // it is killed
		close(server.ended)
	}()
	t.Cleanup(func() {
		server.signal(syscall.SIGQUIT) // its own processes end, too
		<-server.ended
	})
	require.True(t, server.stderr.await(t, server.ended, func() bool { return strings.Contains(server.stderr.String(), "ready to accept connections") }), server.stderr.String())
	s.duck("ATTACH " + duck.Quote(s.url("admin", adminPassword)) + " AS pg (TYPE postgres)")
	return s
}

// withExtension is a DuckDB with the extension for Postgres, if it is installed.
func withExtension(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(1)
	_, err = db.Exec("SET autoinstall_known_extensions = false")
	require.NoError(t, err)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	if err := duck.LoadPostgres(t.Context(), conn); err != nil {
		t.Skip(err)
	}
	return db
}

// findPostgres returns the directory of the server's programs.
func findPostgres(t *testing.T) string {
	t.Helper()
	dirs := append([]string{os.Getenv(postgresBin)}, filepath.SplitList(os.Getenv("PATH"))...)
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	for _, dir := range append(dirs, packaged...) {
		_, initdb := os.Stat(filepath.Join(dir, "initdb"))
		_, postgres := os.Stat(filepath.Join(dir, "postgres"))
		if dir != "" && initdb == nil && postgres == nil {
			return dir
		}
	}
	t.Skip("there is no Postgres server: name the directory of initdb and postgres in " + postgresBin)
	return ""
}

// unprivileged gives a directory to a user who is not root, as whom the server does
// not run, and returns a function that has a command run so.
func unprivileged(t *testing.T, dir string) func(*exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		return func(cmd *exec.Cmd) *exec.Cmd { return cmd }
	}
	for _, path := range []string{dir, filepath.Join(dir, "pw")} {
		require.NoError(t, os.Chown(path, nobody, nobody))
	}
	return func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd
	}
}

// address is that for the test's role, and url for any.
func (s *postgresServer) address() string { return s.url(s.name, readerPassword) }

func (s *postgresServer) url(user, password string) string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Path: "/postgres", RawQuery: url.Values{"host": {s.dir}}.Encode()}).String()
}

func (s *postgresServer) duck(statement string) {
	s.t.Helper()
	_, err := s.admin.Exec(statement)
	require.NoError(s.t, err, statement)
}

// exec runs statements in Postgres.
func (s *postgresServer) exec(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		s.duck("CALL postgres_execute('pg', " + duck.Quote("SET search_path = "+s.name+"; "+statement) + ")")
	}
}

// ask runs a query in Postgres that has one number.
func (s *postgresServer) ask(query string) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.admin.QueryRow("FROM postgres_query('pg', "+duck.Quote(query)+")").Scan(&n))
	return n
}

// events makes a table of as many tracks as are wanted, with a numeric, and one
// without it, which the extension reads as it is.
func (s *postgresServer) events(n int) map[id]bool {
	s.t.Helper()
	for table, more := range map[string]string{"events": ", n / 3.0::numeric AS third", "plain": ""} {
		s.exec(fmt.Sprintf(`CREATE TABLE %s AS SELECT 'page_viewed' AS event, '%s-u' || n %% 97 AS distinct_id,
			timestamptz '2024-03-01 08:00:00Z' + n * interval '1 second' AS timestamp, n%s FROM generate_series(0, %d) n`, table, canary, more, n-1),
			"GRANT SELECT ON "+table+" TO "+s.name)
	}
	return numbered("track", n)
}

// inPostgres runs a test with a world in which no password may be printed either.
func inPostgres(t *testing.T, s *postgresServer, name string, test func(w *world, s *postgresServer)) {
	t.Run(name, func(t *testing.T) {
		own := &postgresServer{t: t, dir: s.dir, admin: s.admin, name: name}
		own.duck("CALL postgres_execute('pg', " + duck.Quote("CREATE ROLE "+name+" LOGIN PASSWORD '"+readerPassword+"'; CREATE SCHEMA "+name+
			"; GRANT USAGE ON SCHEMA "+name+" TO "+name+"; ALTER ROLE "+name+" SET search_path = "+name) + ")")
		w := newWorld(t)
		w.secrets = append(w.secrets, adminPassword, readerPassword, url.QueryEscape(readerPassword), "reader/pw", "reader%2Fpw")
		test(w, own)
	})
}
