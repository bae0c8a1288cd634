package duck

import (
	"regexp"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// kindOfType is the name of a type. It is from a list, since a value may be in its
// place. INT128 and UINT8 are not in it: DuckDB says so for a UUID and an ENUM, too.
const kindOfType = `(BOOL|INT8|INT16|INT32|INT64|UINT32|UINT64|U?(?:HUGEINT|TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL|DATE|TIME|TIMESTAMP|INTERVAL|UUID|BLOB|BIT|VARCHAR|STRUCT|MAP|UNION|ENUM)\b`

// sqlNames has the names that people write for what DuckDB calls its types.
var sqlNames = strings.NewReplacer("UINT32", "UINTEGER", "UINT64", "UBIGINT", "INT16", "SMALLINT", "INT32", "INTEGER", "INT64", "BIGINT", "INT8", "TINYINT", "BOOL", "BOOLEAN")

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

func causeOf(begins, text, hint string) cause {
	return cause{regexp.MustCompile(`(?s)^` + begins), text, hint}
}

var causes = []cause{
	causeOf(`Could not (?:convert string|cast value) .* to `+kindOfType, "Could not convert a value to $1", hintCast),
	causeOf(`Type .* with value .*destination type `+kindOfType, "Could not convert a value to $1", hintCast),
	causeOf(`(?:invalid )?(timestamp|date|time) field (?:format|value)`, "Could not convert a value to a $1", hintCast),
	causeOf(`Could not parse string `, "Could not parse a value with the format of strptime", hintCast),
	causeOf(`Malformed JSON in file `, "a file has JSON that is none", ""),
	causeOf(`JSON transform error in file .*, in line (\d+): `, "line $1 of a file has JSON that does not fit the types of the columns", ""),
	causeOf(`Malformed JSON at byte `, "a value is no JSON", hintTry),
	causeOf(`Failed to cast value to `, "a value within JSON has another type", hintTry),
	causeOf(`JSON path error `, "a value is no path of JSON", hintTry),
	causeOf(`CSV Error on Line: (\d+)\n`, "DuckDB cannot read line $1 of a CSV file: name the file behind the query, and write FROM source", ""),
	causeOf(`Unknown TimeZone `, "a value is no time zone", hintTry),
	causeOf(`extract specifier `, "a value is no part of a date", hintTry),
	causeOf(`Overflow in (addition|subtraction|multiplication|division|negation)`, "a number is too large: there is an overflow in a $1", hintTry),
	causeOf(`Failed to read file .*: schema mismatch in glob`, "the files have different columns: union_by_name = true reads them by name", ""),
	causeOf(`(?:No magic bytes found|Footer length error|File .* too small to be a Parquet file)`, "a file is no Parquet file, or is cut off", ""),
	causeOf(`Map keys must be unique\.`, "the keys of a map must be unique", hintTry),
	causeOf(`More than one row returned by a subquery`, "a subquery that is used as a value has more than one row", ""),
}

// systemReason is what the system says of a file. Nothing is left out except the name.
var systemReason = regexp.MustCompile(`(No space left on device|Permission denied|Input/output error|Too many open files|Read-only file system|Disk quota exceeded|No such file or directory|File too large)`)

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
