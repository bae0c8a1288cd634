package duck

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

const outOfMemoryText = "its rows are too large, or have too many columns, for the memory that an import uses"

// kindOfType is the name of a type. It is from a list, since a value may be in its
// place. INT128 and UINT8 are not in it: DuckDB says so for a UUID and an ENUM, too.
const kindOfType = `(BOOL|INT8|INT16|INT32|INT64|UINT32|UINT64|U?(?:HUGEINT|TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL|DATE|TIME|TIMESTAMP|INTERVAL|UUID|BLOB|BIT|VARCHAR|STRUCT|MAP|UNION|ENUM)\b`

// inSQL has the names that people write for what DuckDB calls its types.
var inSQL = strings.NewReplacer("UINT32", "UINTEGER", "UINT64", "UBIGINT", "INT16", "SMALLINT", "INT32", "INTEGER", "INT64", "BIGINT", "INT8", "TINYINT", "BOOL", "BOOLEAN")

// A cause is a message of DuckDB and what a sentence says in its place. The message
// is known by how it begins. Of it a sentence has types and numbers of lines.
type cause struct {
	begins *regexp.Regexp
	text   string
	hint   string
}

const (
	hintCast = "TRY_CAST instead of a cast, and try_strptime instead of strptime, make NULL of what they cannot read"
	hintTry  = "TRY(...) around an expression makes NULL of what it cannot do"
)

func of(begins, text, hint string) cause {
	return cause{regexp.MustCompile(`(?s)^` + begins), text, hint}
}

var causes = []cause{
	of(`Could not (?:convert string|cast value) .* to `+kindOfType, "Could not convert a value to $1", hintCast),
	of(`Type .* with value .*destination type `+kindOfType, "Could not convert a value to $1", hintCast),
	of(`(?:invalid )?(timestamp|date|time) field (?:format|value)`, "Could not convert a value to a $1", hintCast),
	of(`Could not parse string `, "Could not parse a value with the format of strptime", hintCast),
	of(`Malformed JSON in file `, "a file has JSON that is none", ""),
	of(`JSON transform error in file .*, in line (\d+): `, "line $1 of a file has JSON that does not fit the types of the columns", ""),
	of(`Malformed JSON at byte `, "a value is no JSON", hintTry),
	of(`Failed to cast value to `, "a value within JSON has another type", hintTry),
	of(`JSON path error `, "a value is no path of JSON", hintTry),
	of(`CSV Error on Line: (\d+)\n`, "DuckDB cannot read line $1 of a CSV file: name the file behind the query, and write FROM source", ""),
	of(`Unknown TimeZone `, "a value is no time zone", hintTry),
	of(`extract specifier `, "a value is no part of a date", hintTry),
	of(`Overflow in (addition|subtraction|multiplication|division|negation)`, "a number is too large: there is an overflow in a $1", hintTry),
	of(`Failed to read file .*: schema mismatch in glob`, "the files have different columns: union_by_name = true reads them by name", ""),
	of(`(?:No magic bytes found|Footer length error|File .* too small to be a Parquet file)`, "a file is no Parquet file, or is cut off", ""),
	of(`Map keys must be unique\.`, "the keys of a map must be unique", hintTry),
	of(`More than one row returned by a subquery`, "a subquery that is used as a value has more than one row", ""),
}

// bySystem is what the system says of a file. Nothing is left out except the name.
var bySystem = regexp.MustCompile(`(No space left on device|Permission denied|Input/output error|Too many open files|Read-only file system|Disk quota exceeded|No such file or directory|File too large)`)

// byType is what a sentence says of messages that are none of these.
var byType = map[duckdb.ErrorType]string{
	duckdb.ErrorTypeConversion:     "Could not convert a value to another type",
	duckdb.ErrorTypeInvalidInput:   "a function cannot use a value",
	duckdb.ErrorTypeOutOfRange:     "a value is out of the range of its type, or of what a function takes",
	duckdb.ErrorTypeConstraint:     "a value is not allowed where it is",
	duckdb.ErrorTypeIO:             "a file cannot be read or written",
	duckdb.ErrorTypeHTTP:           "a file cannot be read from its address",
	duckdb.ErrorTypePermission:     "DuckDB is not allowed to do what the query says",
	duckdb.ErrorTypeInternal:       "DuckDB has a bug that the query comes upon",
	duckdb.ErrorTypeFatal:          "DuckDB has a bug that the query comes upon",
	duckdb.ErrorTypeNotImplemented: "DuckDB cannot do what the query says with a value",
}

// callsError is a query that makes messages itself: they may look like any.
var callsError = regexp.MustCompile(`(?i)\berror"?\s*\(`)

// ofRows is the sentence for what went wrong with rows.
func ofRows(e *duckdb.Error, query string) string {
	if outOfMemory(e) {
		return outOfMemoryText
	}
	if e.Type == duckdb.ErrorTypeIO {
		if said := bySystem.FindString(e.Msg); said != "" {
			return "a file cannot be read or written: " + said
		}
	}
	message := strings.TrimSpace(picture.ReplaceAllString(kind.ReplaceAllString(e.Msg, ""), ""))
	text, hint := ofType(e.Type, query), hintTry
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
	text = inSQL.Replace(text)
	if name := castColumn(message, query); name != "" {
		text = strings.Replace(text, "a value", "a value of the column "+name, 1)
	}
	if query != "" && hint != "" {
		text += ": " + hint
	}
	return text + seeMore
}

// cast ends a message about a cast of a column.
var cast = regexp.MustCompile(` when casting from source column (.+)$`)

// ofType is what a sentence says where no cause is known. Without a query nobody has
// written what fails.
func ofType(t duckdb.ErrorType, query string) string {
	text := byType[t]
	switch {
	case query == "" && (text == "" || !slices.Contains(ofMachine, t)):
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
	return errors.As(err, &e) && !slices.Contains(ofMachine, e.Type)
}

var ofMachine = []duckdb.ErrorType{
	duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeIO, duckdb.ErrorTypeHTTP, duckdb.ErrorTypePermission, duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal,
	duckdb.ErrorTypeInterrupt, duckdb.ErrorTypeTransaction, duckdb.ErrorTypeConnection, duckdb.ErrorTypeNetwork,
}

// castColumn is the column of which a value could not be cast, if the query names it.
func castColumn(message, query string) string {
	found := cast.FindStringSubmatch(message)
	if found == nil || !regexp.MustCompile(`(?i)(?:^|\W)`+regexp.QuoteMeta(found[1])+`(?:\W|$)`).MatchString(query) {
		return ""
	}
	return found[1]
}
