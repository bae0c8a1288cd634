package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// TestAPatternDoesNotMeanOurFiles imports a directory in which a killed import
// has left all of its files.
func TestAPatternDoesNotMeanOurFiles(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	for _, suffix := range ourSuffixes {
		require.NoError(t, os.WriteFile(source+suffix, nil, 0o600))
	}
	all := filepath.Join(filepath.Dir(source), "*")
	require.Equal(t, exitOK, s.run(all), s.said())
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(source), "more.csv"), []byte(clean), 0o600))
	require.Equal(t, exitOK, s.run(all), s.said())
	require.Equal(t, exitOK, s.run(all), "again: "+s.said())
	assert.Len(t, srv.Events(), 3+6)
}

// TestAShellExpandsAPattern names all files of a folder, as a shell does, twice.
func TestAShellExpandsAPattern(t *testing.T) {
	srv := newServer(t)
	dir := filepath.Dir(write(t, "a.ndjson", `{"event":"signed_up","distinct_id":"u_1","timestamp":"2026-01-01"}`+"\n5\n"))
	for _, note := range []bool{false, true} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
		require.NoError(t, err)
		s := newShell(t, srv)
		require.Equal(t, exitRefused, s.run(paths...), s.said())
		assert.Len(t, srv.Events(), 1)
		assert.Equal(t, note, strings.Contains(s.err.String(), "a.ndjson.rejects.ndjson is left out"), s.err.String())
	}
}

func TestStandardInput(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	s.in = strings.NewReader(clean)
	require.Equal(t, exitFailed, s.run("-format", "csv", "-"))
	assert.Contains(t, s.err.String(), "standard input needs -state FILE")
	s.in = strings.NewReader(faulty)
	state := filepath.Join(t.TempDir(), "input.state")
	require.Equal(t, exitRefused, s.run("-format", "csv", "-state", state, "-"), s.said())
	assert.Len(t, srv.Events(), 2)
	assert.FileExists(t, filepath.Join(filepath.Dir(state), "input"+rejectsSuffix))
}

func TestQueryNeedsState(t *testing.T) {
	s := newShell(t, newServer(t))
	require.Equal(t, exitFailed, s.run("-sql", "SELECT 1 AS distinct_id"))
	assert.Contains(t, s.err.String(), "-state FILE")
	assert.Equal(t, exitOK, newShell(t, nil).run("-sql", "SELECT 'u_1' AS distinct_id, 'pro' AS plan"), "a dry run notes nothing")
}

// TestTablesOfADatabase are an import each, in any order, under whatever name.
func TestTablesOfADatabase(t *testing.T) {
	for _, driver := range []string{"duckdb", "sqlite"} {
		t.Run(driver, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app."+driver)
			db, err := sql.Open(driver, path)
			require.NoError(t, err)
			for _, statement := range []string{
				"CREATE TABLE users (distinct_id TEXT, plan TEXT)", "INSERT INTO users VALUES ('u_1', 'pro')",
				"CREATE TABLE ev (event TEXT, distinct_id TEXT, timestamp TEXT)", "INSERT INTO ev VALUES ('e', 'u_1', '2026-01-01'), ('e', 'null', '2026-01-01')",
				`CREATE TABLE "a/b c" (event TEXT, distinct_id TEXT, timestamp TEXT)`, `INSERT INTO "a/b c" VALUES ('f', 'u_1', '2026-01-01')`,
			} {
				_, err := db.Exec(statement)
				require.NoError(t, err)
			}
			require.NoError(t, db.Close())
			srv := newServer(t)
			s := newShell(t, srv)
			for range 2 {
				require.Equal(t, exitOK, s.run("-table", "users", path), s.said())
				require.Equal(t, exitRefused, s.run("-table", "ev", path), s.said())
				require.Equal(t, exitRefused, s.run("-table", "EV", path), "one table in another spelling: "+s.said())
				require.Equal(t, exitOK, s.run("-table", "a/b c", path), s.said())
				require.Equal(t, exitOK, s.run("-as", "identify", "-sql", "SELECT distinct_id FROM users", path), s.said())
			}
			assert.Len(t, srv.Events(), 2)
			for _, name := range []string{".users" + stateSuffix, ".ev" + stateSuffix, ".ev" + rejectsSuffix, ".ev" + stateSuffix, ".a_b_c" + stateSuffix, stateSuffix} {
				assert.FileExists(t, path+name)
			}
		})
	}
}

// TestTheOnlyTableIsNamedOrNot, and is one import.
func TestTheOnlyTableIsNamedOrNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.duckdb")
	db, err := sql.Open("duckdb", path)
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE Ev AS SELECT 'e' AS event, 'u_1' AS distinct_id, DATE '2026-01-01' AS timestamp")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	srv := newServer(t)
	s := newShell(t, srv)
	for _, args := range [][]string{{path}, {"-table", "ev", path}, {"-table", "Ev", path}} {
		require.Equal(t, exitOK, s.run(args...), s.said())
	}
	assert.Len(t, srv.Events(), 1)
}

// TestNamesOfTables are names of files.
func TestNamesOfTables(t *testing.T) {
	for table, want := range map[string]string{
		"": "app.db", "users": "app.db.users", "crm.users": "app.db.crm.users", "a/b\\c:d*": "app.db.a_b_c_d_", "ünï": "app.db.ünï",
		strings.Repeat("ü", 300): "app.db." + strings.Repeat("ü", 50),
	} {
		j := &job{source: &source.Source{Path: "app.db", Table: table}}
		assert.Equal(t, want, j.beside())
	}
	assert.Empty(t, (&job{source: &source.Source{Table: "users"}}).beside(), "Postgres has no place")
}

// TestRejectsOfAReadOnlySource are beside the state, and are found again there.
func TestRejectsOfAReadOnlySource(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", faulty)
	takesNothing(t, source+rejectsSuffix)
	state := filepath.Join(t.TempDir(), "st")
	require.Equal(t, exitFailed, s.run(source), "the rejects of an import with its state beside the source are there")
	require.Equal(t, exitRefused, s.run("-state", state, source), s.said())
	assert.Contains(t, s.out.String(), "altertable-import "+state+rejectsSuffix)
	text, err := os.ReadFile(state + rejectsSuffix)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(text), "\n"))

	require.NoError(t, os.Remove(source+rejectsSuffix))
	require.Equal(t, exitRefused, s.run("-state", state, source), "again, where there is a place: "+s.said())
	assert.Contains(t, s.out.String(), "altertable-import "+state+rejectsSuffix)
	assert.NoFileExists(t, source+rejectsSuffix)
	again, err := os.ReadFile(state + rejectsSuffix)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))
	assert.Len(t, srv.Events(), 2)
}

// TestRejectsAreFoundAgain by an import that was interrupted.
func TestRejectsAreFoundAgain(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", faulty)
	takesNothing(t, source+rejectsSuffix)
	state := filepath.Join(t.TempDir(), "st")
	srv.Always(altertabletest.Status(401).On("/track"))
	require.Equal(t, exitFailed, s.run("-state", state, source), s.said())
	require.FileExists(t, state+rejectsSuffix)
	srv.ClearFaults()
	require.NoError(t, os.Remove(source+rejectsSuffix))
	require.Equal(t, exitRefused, s.run("-state", state, source), s.said())
	text, err := os.ReadFile(state + rejectsSuffix)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(text), "\n"), "each once")
}

func TestRejectsAreBesideASourceThatTakesThem(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", faulty)
	state := filepath.Join(t.TempDir(), "st")
	require.NoError(t, os.WriteFile(state+rejectsSuffix, []byte("of another import\n"), 0o600))
	srv.Always(altertabletest.Status(401).On("/track"))
	require.Equal(t, exitFailed, s.run("-state", state, source), s.said())
	srv.ClearFaults()
	require.Equal(t, exitRefused, s.run("-state", state, source), s.said())
	assert.FileExists(t, source+rejectsSuffix)
	require.Equal(t, exitRefused, s.run("-state", state, source), "again: "+s.said())
	assert.Contains(t, s.out.String(), "altertable-import "+source+rejectsSuffix)
}

// takesNothing makes a place at which no file can be made or written, whoever the
// user is.
func takesNothing(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.Mkdir(path, 0o700))
}
