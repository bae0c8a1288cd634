package source

import (
	"errors"
	"testing"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

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
		assert.Equal(t, want, postgresSentence(err, duck.Refused(err, "FROM a")))
	}
	another := errors.New("another\nerror")
	assert.Equal(t, "another error", postgresSentence(another, duck.Refused(another, "")))
}
