package duck

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// A failure is an error of DuckDB as a sentence of one line. There is no value of a
// row in it.
type failure struct {
	sentence string
	said     string // DuckDB's own words, which may quote values
}

func (f *failure) Error() string { return f.sentence }

// WithValues returns the text of an error as it is for people who want to see
// values: with DuckDB's own words, if it has a Failure.
func WithValues(err error) string {
	var f *failure
	if !errors.As(err, &f) || f.said == "" {
		return err.Error()
	}
	return strings.Replace(err.Error(), f.sentence, strings.TrimSuffix(f.sentence, seeMore)+". DuckDB says: "+f.said, 1)
}

// seeMore ends a sentence that leaves out what DuckDB says.
const seeMore = "; -dry-run -show-values shows what DuckDB says, with values"

var (
	// errorKind begins DuckDB's messages.
	errorKind = regexp.MustCompile(`^(?:[A-Z][A-Za-z/]*(?: [a-z]+)? )*Error: `)
	// queryExcerpt is where DuckDB shows the query and points into it, or gives advice
	// to people who use DuckDB.
	queryExcerpt = regexp.MustCompile(`(?s)\n+\s*(LINE \d+:|Candidate |Candidates: |Possible fixes:|Possible solutions:).*`)
)

// Failed is for an error that arose while rows were read. What DuckDB says of it may
// have values of rows anywhere, and of any kind of error, so that nothing of it is
// repeated: the sentence is made of words of this package. query is the SQL that
// somebody has written, if there is one: a column is named if it is in it.
func Failed(err error, query string) error {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return &failure{sentence: line(err.Error())}
	}
	return &failure{sentence: rowSentence(e, query), said: wholeMessage(e)}
}

// Refused is for an error that arose before any row was read: DuckDB could not
// prepare the query, or attach a file. The sentence is DuckDB's, without names and
// values that are not in the query: it has seen the names of columns, and types,
// of which an ENUM has all its values.
func Refused(err error, query string) error {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return &failure{sentence: line(err.Error())}
	}
	if outOfMemory(e) {
		return &failure{sentence: outOfMemoryText}
	}
	text := queryExcerpt.ReplaceAllString(errorKind.ReplaceAllString(e.Msg, ""), "")
	if !slices.Contains(queryErrors, e.Type) {
		text, _, _ = strings.Cut(text, "\n")
	}
	if !slices.Contains(extensionErrors, e.Type) {
		text = noSuggestion.ReplaceAllLiteralString(redactQuoted(redactTypes(text), query+" source"), "")
	}
	return &failure{sentence: line(text), said: wholeMessage(e)}
}

// noSuggestion is one that was taken out.
var noSuggestion = regexp.MustCompile(`\s+Did you mean "\.\.\."\?`)

// queryErrors are the errors of which all lines are about the query.
var queryErrors = []duckdb.ErrorType{
	duckdb.ErrorTypeCatalog, duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax, duckdb.ErrorTypeBinder, duckdb.ErrorTypeIO,
	duckdb.ErrorTypePermission, duckdb.ErrorTypeHTTP, duckdb.ErrorTypeMissingExtension, duckdb.ErrorTypeAutoLoad, duckdb.ErrorTypeConnection,
}

// extensionErrors are the errors that quote extensions and where they come from.
var extensionErrors = []duckdb.ErrorType{duckdb.ErrorTypeMissingExtension, duckdb.ErrorTypeAutoLoad}

// Explain is Refused if DuckDB refuses to prepare the statement with the same words,
// and else Failed. The query is the part of the statement that somebody has written.
func Explain(ctx context.Context, db Preparer, err error, statement, query string) error {
	var failed, refused *duckdb.Error
	if !errors.As(err, &failed) {
		return Failed(err, query)
	}
	prepared, again := db.PrepareContext(ctx, statement)
	if again == nil {
		_ = prepared.Close()
	}
	if errors.As(again, &refused) && refused.Msg == failed.Msg {
		return Refused(err, statement)
	}
	return Failed(err, query)
}

// A Preparer is a database or one of its connections.
type Preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Sentence is the text of Failed.
func Sentence(err error) string { return Failed(err, "").Error() }

// line joins the lines of a text.
func line(text string) string { return strings.Join(strings.FieldsFunc(text, unicode.IsSpace), " ") }

// wholeMessage is what DuckDB says, without the kind of error that it begins with and
// without the query that it ends with.
func wholeMessage(e *duckdb.Error) string {
	return line(queryExcerpt.ReplaceAllString(errorKind.ReplaceAllString(e.Msg, ""), ""))
}

// IsSyntax reports whether DuckDB could not parse a statement.
func IsSyntax(err error) bool {
	var e *duckdb.Error
	return errors.As(err, &e) && (e.Type == duckdb.ErrorTypeParser || e.Type == duckdb.ErrorTypeSyntax)
}
