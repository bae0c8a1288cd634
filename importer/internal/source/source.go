// Package source reads what is imported into a table of DuckDB: files, standard
// input, databases, and queries.
//
// The table is named source. It has the data's columns and
//
//	_row   BIGINT   the number of the row: 1 is the first row of data
//	_file  VARCHAR  the file's name, if there are several; _row counts in it
//	_json  VARCHAR  for JSON: the row's object, byte for byte; its members are the
//	                columns, and the table has no others
//
// What could not be read is in the table torn:
//
//	row BIGINT, file VARCHAR, line VARCHAR, reason VARCHAR
//
// # How to read the package
//
// Find looks at the beginning of each file, and chooses how Load fills the tables:
//
//	find, expand      which files the paths and patterns of the command line name
//	look, format      the beginning of a file, and its format; unread has the
//	                  formats that are refused
//	encoding, header  of CSV: the encoding, the delimiter, the names of columns
//
// Text is read by DuckDB, after a look at each row that finds the torn ones:
//
//	csv, json         how DuckDB reads such a file
//	text              the steps of that; open, each row; finding, what they are like
//	records, values   the rows of CSV or of JSON lines, and the values of JSON, by
//	                  way of a window
//	copy, torn        the copy that DuckDB reads where it would misread the file
//	                  itself, and the rows that are left out of it
//	stretch           how much memory long rows need
//
// All else is read by DuckDB in one statement:
//
//	query             that statement, of -sql and of all of these
//	parquet, database files of Parquet and of DuckDB
//	sqlite            tables of SQLite, copied to DuckDB; sqlite_columns, their types
//	postgres          DuckDB's extension; in postgres_relation the tables and how
//	                  they are read, in postgres_error what Postgres says, in
//	                  postgres_cancel the end of what it does after an interrupt
//	stdin             copied to a file, and read as that
package source

import (
	"context"
	"io"
)

// A Spec is what the command line says about the source.
type Spec struct {
	Paths     []string // files, patterns, directories are refused; "-" is standard input; postgres:// URLs
	SQL       string   // a SELECT of DuckDB; with Paths, over the database that is named there, or the table source
	Table     string   // of a database
	Format    string   // csv, ndjson, json, parquet; empty: by name and content
	Delimiter string   // of CSV; empty: by the first line
	Encoding  string   // of CSV: utf-8, utf-16, latin-1; empty: utf-8
	Stdin     io.Reader
	Ours      []string // how the names of files end that the command makes: a pattern does not mean those
}

// A Source is a source that was found, and looked at from outside.
type Source struct {
	// Name is for people: the file's name, "3 files", "standard input", "the
	// query". It has no password.
	Name string
	// Path is that of the file, or of the pattern with _ for each character that
	// file names cannot have; empty for standard input, a query, and Postgres:
	// there is no "beside" it.
	Path  string
	Bytes int64  // of the files
	SQL   string // what fills the table source, as a SELECT; for -print-sql
	JSON  bool   // the table has _json; of a query it is known after Load
	Raw   bool   // its objects are {"endpoint": ..., "message": {...}}: rejects, dead letters
	// Mapping is the query of -sql where the source is files: a SELECT over the
	// table source. Empty: none.
	Mapping string
	// Table is the one of a database that is read, as the database writes it; of
	// Postgres it is known after Load. Empty: there is none, or a query.
	Table string
	// Note is a sentence about files that are named and left out. Empty: none are.
	Note string
	Text bool // its columns are all text, as those of CSV: 5 is a number if all values of its column look so

	spec   Spec
	format string
	files  []file
	alike  bool // two of them have the same name
	loader loader
}

// A loader fills the tables source and torn.
type loader func(ctx context.Context, l *load) error
