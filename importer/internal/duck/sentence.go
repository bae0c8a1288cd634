package duck

import (
	"errors"
	"regexp"
	"strings"
	"unicode"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// Quote makes an SQL string of s, and Name the name of a table or a column.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func Name(s string) string  { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// picture is where DuckDB shows the query and points into it.
var picture = regexp.MustCompile(`(?s)\n+(LINE \d+:|Candidate |Did you mean).*`)

// kinds begins DuckDB's messages.
var kinds = regexp.MustCompile(`^(?:[A-Z][A-Za-z]+ )*Error: `)

// Sentence returns what is wrong as one line: without the kind of error that
// DuckDB begins with, and without the query that it ends with.
func Sentence(err error) string {
	var e *duckdb.Error
	text := err.Error()
	if errors.As(err, &e) {
		text = e.Msg
	}
	text = kinds.ReplaceAllString(text, "")
	text = picture.ReplaceAllString(text, "")
	text = strings.Join(strings.FieldsFunc(text, unicode.IsSpace), " ")
	return text
}
