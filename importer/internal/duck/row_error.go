package duck

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

const outOfMemoryText = "its rows are too large, or have too many columns, for the memory that an import uses"

// callsError is a query that makes messages itself: they may look like any.
var callsError = regexp.MustCompile(`(?i)\berror"?\s*\(`)

// rowSentence is the sentence for what went wrong with rows.
func rowSentence(e *duckdb.Error, query string) string {
	if outOfMemory(e) {
		return outOfMemoryText
	}
	if e.Type == duckdb.ErrorTypeIO {
		if said := systemReason.FindString(e.Msg); said != "" {
			return "a file cannot be read or written: " + said
		}
	}
	message := strings.TrimSpace(queryExcerpt.ReplaceAllString(errorKind.ReplaceAllString(e.Msg, ""), ""))
	text, hint := typeSentence(e.Type, query), hintTry
	if e.Type == duckdb.ErrorTypeConversion {
		hint = hintCast
	}
	if !callsError.MatchString(query) {
		for _, c := range causes {
			if at := c.begins.FindStringSubmatchIndex(message); at != nil {
				text, hint = string(c.begins.ExpandString(nil, c.text, message, at)), c.hint
				break
			}
		}
	}
	text = sqlNames.Replace(text)
	if name := castColumn(message, query); name != "" {
		text = strings.Replace(text, "a value", "a value of the column "+name, 1)
	}
	if query != "" && hint != "" {
		text += ": " + hint
	}
	return text + seeMore
}

// castOfColumn ends a message about a cast of a column.
var castOfColumn = regexp.MustCompile(` when casting from source column (.+)$`)

// typeSentence is what a sentence says where no cause is known. Without a query nobody has
// written what fails.
func typeSentence(t duckdb.ErrorType, query string) string {
	text := byType[t]
	switch {
	case query == "" && (text == "" || !slices.Contains(machineErrors, t)):
		return "DuckDB cannot read the rows"
	case text == "":
		return "DuckDB cannot run the query with these rows"
	}
	return text
}

// IsOfValues reports whether an error that arose while rows were read may be mended
// by other SQL: it is none of files, memory, or DuckDB itself.
func IsOfValues(err error) bool {
	var e *duckdb.Error
	return errors.As(err, &e) && !slices.Contains(machineErrors, e.Type)
}

var machineErrors = []duckdb.ErrorType{
	duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeIO, duckdb.ErrorTypeHTTP, duckdb.ErrorTypePermission, duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal,
	duckdb.ErrorTypeInterrupt, duckdb.ErrorTypeTransaction, duckdb.ErrorTypeConnection, duckdb.ErrorTypeNetwork,
}

// castColumn is the column of which a value could not be cast, if the query names it.
func castColumn(message, query string) string {
	found := castOfColumn.FindStringSubmatch(message)
	if found == nil || !regexp.MustCompile(`(?i)(?:^|\W)`+regexp.QuoteMeta(found[1])+`(?:\W|$)`).MatchString(query) {
		return ""
	}
	return found[1]
}
