package source

import (
	"errors"
	"testing"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func TestPostgresAddress(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://me@db.internal/app":                     "the Postgres database app at db.internal",
		"postgresql://me:a%2Fb@db:5433/app?sslmode=require": "the Postgres database app at db:5433",
		"postgres://": "the Postgres database",
		"postgres:///app?host=/run/db&user=me&password=s%2Fd": "the Postgres database app",
		"postgres://me:secret@[::1]:5432/app":                 "the Postgres database app at [::1]:5432",
	} {
		s, err := Find(Spec{Paths: []string{address}})
		require.NoError(t, err, address)
		assert.Equal(t, want, s.Name)
		paths, err := Expand([]string{address}, nil)
		require.NoError(t, err, "it is no pattern")
		assert.Equal(t, []string{address}, paths)
	}
	for _, address := range []string{"postgres://me:12/secret@db/app", "postgres://me:12#secret@db/app", "postgres://me:12?secret@db/app", "postgres://me:secret%zz@db/app"} {
		_, err := Find(Spec{Paths: []string{address}})
		require.Error(t, err, address)
		assert.Contains(t, err.Error(), "with % escapes")
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestWithDefaults(t *testing.T) {
	for _, c := range []struct{ address, variable, want string }{
		{"postgres://h/d", "", "postgres://h/d?application_name=n&connect_timeout=20"},
		{"postgres://h/d?sslmode=disable", "", "postgres://h/d?sslmode=disable&application_name=n&connect_timeout=20"},
		{"postgres://h/d?connect_timeout=1&application_name=me", "", "postgres://h/d?connect_timeout=1&application_name=me"},
		{"postgres://h/d", "PGCONNECT_TIMEOUT", "postgres://h/d?application_name=n"},
		{"postgres://", "PGSERVICE", "postgres://?application_name=n"},
		{"postgres://?service=s", "", "postgres://?service=s&application_name=n"},
	} {
		assert.Equal(t, c.want, withDefaults(c.address, "n", func(name string) (string, bool) { return "1", name == c.variable }))
	}
}

func TestPostgresWords(t *testing.T) {
	for said, want := range map[string]string{
		"IO Error: Unable to connect to Postgres at \"postgres://a:b@h\": connection failed: FATAL:  no \"x\"\nconnection failed: FATAL:  no \"x\"\n": `cannot connect: connection failed: FATAL: no "x"`,
		"Invalid Error: Failed to prepare COPY \"COPY (SELECT \"a\")\": ERROR:  permission denied for table t\nLINE 1: COPY":                          "Postgres says: permission denied for table t",
		"Invalid Error: Failed to execute: ERROR:  invalid input syntax for type integer: \"secret\"\nCONTEXT: x":                                     "Postgres says: invalid input syntax for type integer: '...'",
		"IO Error: Unable to read binary COPY data from Postgres: SSL error: unexpected eof\n":                                                        "the connection ended while the rows were read, and nothing was sent: run the same command again (SSL error: unexpected eof)",
		"Invalid Error: Failed to fetch: FATAL:  terminating connection due to administrator command\n":                                               "the connection ended while the rows were read, and nothing was sent: run the same command again (terminating connection due to administrator command)",
		"Conversion Error: Could not convert string \"NaN\" to DECIMAL(12,2) when casting from source column b\n\nLINE 1: x":                          `the column b has a NaN, which the numbers of a query cannot be: import the table with -table, which refuses these rows alone, or have Postgres leave them out: FROM postgres_query('postgres_db', 'SELECT ... WHERE b <> ''NaN''')`,
		"Catalog Error: Table with name a does not exist!\nDid you mean \"pg_am or b\"?\n\nLINE 1: x":                                                 "Table with name a does not exist!",
	} {
		err := &duckdb.Error{Type: duckdb.ErrorTypeCatalog, Msg: said}
		assert.Equal(t, want, postgresWords(err, duck.Refused(err, "FROM a")))
	}
	another := errors.New("another\nerror")
	assert.Equal(t, "another error", postgresWords(another, duck.Refused(another, "")))
}

func TestChooseRelation(t *testing.T) {
	relations := []*relation{
		{schema: "app", name: "users", readable: true}, {schema: "public", name: "Users", visible: true, readable: true},
		{schema: "public", name: "users", visible: true, readable: true}, {schema: "public", name: "hidden", visible: true},
	}
	for table, want := range map[string]*relation{
		"users": relations[2], "Users": relations[1], "USERS": relations[1], "app.users": relations[0], "public.users": relations[2], "APP.users": relations[0], "hidden": relations[3],
	} {
		got, err := (&Source{Name: "s", spec: Spec{Table: table}}).chooseRelation(relations)
		require.NoError(t, err, table)
		assert.Same(t, want, got, table)
	}
	_, err := (&Source{Name: "s", spec: Spec{Table: "none"}}).chooseRelation(relations)
	assert.EqualError(t, err, "s has no table none; it has app.users, Users, users")
	_, err = (&Source{Name: "s"}).chooseRelation(relations)
	assert.ErrorContains(t, err, "s has 3 tables")
	one, err := (&Source{Name: "s"}).chooseRelation([]*relation{relations[3], relations[0]})
	require.NoError(t, err)
	assert.Equal(t, `"app"."users"`, one.sql())
}

func TestRelationQuery(t *testing.T) {
	r := &relation{schema: "a", name: `b "c`, readable: true, columns: []pgColumn{{name: "id", kind: "int8"}, {name: "tags", kind: "array", element: "text", depth: 1}}}
	assert.Equal(t, `SELECT "id", "tags" FROM postgres_db."a"."b ""c"`, r.query(true))
	assert.Contains(t, r.query(false), `to_json("tags")::text AS "tags"`)
	r.columns = append(r.columns, pgColumn{name: "n", kind: "numeric", modifier: 12<<16 | 2 + 4})
	assert.Equal(t, `SELECT "id", "tags", "n"::DECIMAL(12, 2) AS "n" FROM postgres_query('postgres_db', 'SELECT "id", "tags", "n"::text AS "n" FROM "a"."b ""c"')`, r.query(true))
	assert.Contains(t, r.query(false), `"n"::JSON AS "n"`)
	r.readable = false
	assert.Equal(t, `SELECT * FROM postgres_db."a"."b ""c"`, r.query(true))
	for modifier, want := range map[int][2]int{-1: {0, 0}, 38<<16 + 4: {38, 0}, 39<<16 + 4: {0, 0}, 3<<16 | 5 + 4: {0, 0}, 10<<16 | 2046 + 4: {0, 0}} {
		precision, scale := pgColumn{modifier: modifier}.digits()
		assert.Equal(t, want, [2]int{precision, scale}, modifier)
	}
}
