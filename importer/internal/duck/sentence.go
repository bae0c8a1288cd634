package duck

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// Quote makes an SQL string of s, and Name the name of a table or a column.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func Name(s string) string  { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

var (
	// kind begins DuckDB's messages.
	kind = regexp.MustCompile(`^(?:[A-Z][A-Za-z/]*(?: of)? )*Error: `)
	// picture is where DuckDB shows the query and points into it, or gives advice
	// to people who use DuckDB.
	picture = regexp.MustCompile(`(?s)\n+\s*(LINE \d+:|Candidate |Candidates: |Possible fixes:|Possible solutions:).*`)
	// quoted is a value, or several with what is between them.
	quoted = regexp.MustCompile(`(?s)'.*'|".*"`)
)

// ofQueries are the errors that quote the query and not what it reads.
var ofQueries = []duckdb.ErrorType{
	duckdb.ErrorTypeCatalog, duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax, duckdb.ErrorTypeBinder, duckdb.ErrorTypeIO,
	duckdb.ErrorTypePermission, duckdb.ErrorTypeHTTP, duckdb.ErrorTypeMissingExtension, duckdb.ErrorTypeAutoLoad, duckdb.ErrorTypeNotImplemented, duckdb.ErrorTypeConnection,
}

// Sentence returns what is wrong as one line: without the kind of error that
// DuckDB begins with, without the query that it ends with, and without values.
func Sentence(err error) string {
	text := err.Error()
	var e *duckdb.Error
	if errors.As(err, &e) {
		text = e.Msg
		if outOfMemory(e) {
			return "its rows are too large, or have too many columns, for the memory that an import uses"
		}
	}
	text = picture.ReplaceAllString(kind.ReplaceAllString(text, ""), "")
	if e != nil && !slices.Contains(ofQueries, e.Type) {
		text, _, _ = strings.Cut(quoted.ReplaceAllString(text, "'...'"), "\n")
	}
	return strings.Join(strings.FieldsFunc(text, unicode.IsSpace), " ")
}

// IsSyntax reports whether DuckDB could not parse a statement.
func IsSyntax(err error) bool {
	var e *duckdb.Error
	return errors.As(err, &e) && (e.Type == duckdb.ErrorTypeParser || e.Type == duckdb.ErrorTypeSyntax)
}
