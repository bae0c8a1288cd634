package source

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

var (
	// messagePrefix is what the extension puts before Postgres's own words.
	messagePrefix = regexp.MustCompile(`(?s)^.*(?:ERROR|FATAL): +`)
	// notConnected quotes the whole address.
	notConnected = regexp.MustCompile(`(?s)^Unable to connect to Postgres at ".*?": `)
	// harmless are Postgres's messages that are about names, rights and the server.
	// Others may have a value anywhere: a view's functions say what they like.
	harmless = regexp.MustCompile(`^(?:permission denied|must be owner|(?:relation|column|schema|function|table|database|role|type|operator|extension) .* does not exist|syntax error|` +
		`cannot execute .* in a read-only transaction|canceling statement|invalid input syntax for type [a-z ]+:|division by zero|out of memory|could not (?:open|read|write|extend|resize|obtain|access)|` +
		`deadlock detected|lock not available|too many|remaining connection slots|sorry, |the database system|snapshot too old|cannot open |foreign |row-level security)`)
	// quotedValue is where Postgres quotes a value, and not a name.
	quotedValue = regexp.MustCompile(`: ".*"`)
	// connectionLost is a connection that ended while rows were read.
	connectionLost = regexp.MustCompile(`(?s)^Unable to read (?:binary )?COPY data from Postgres: |^.*FATAL: +(terminating connection)|^.*(server closed the connection)`)
	// nanInDecimal is what becomes of a NaN in a typed view.
	nanInDecimal = regexp.MustCompile(`(?s)^Could not convert string "NaN" to DECIMAL.* source column (\w+).*`)
	// suggestedName are of DuckDB's own tables, and of those that the query says anyway.
	suggestedName = regexp.MustCompile(` Did you mean ".*"\?`)
)

// postgresSentence is what Postgres says itself, in one line and without values. For
// what DuckDB says there is an explanation.
func postgresSentence(err, explained error) string {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return explained.Error()
	}
	_, text, _ := strings.Cut(e.Msg, "Error: ")
	switch {
	case notConnected.MatchString(text):
		return "cannot connect: " + joinLines(notConnected.ReplaceAllString(text, ""))
	case connectionLost.MatchString(text):
		return "the connection ended while the rows were read, and nothing was sent: run the same command again (" + joinLines(connectionLost.ReplaceAllString(text, "$1$2")) + ")"
	case nanInDecimal.MatchString(text):
		return nanInDecimal.ReplaceAllString(text, `the column $1 has a NaN, which the numbers of a query cannot be: import the table with -table, which refuses these rows alone, `+
			`or have Postgres leave them out: FROM postgres_query('`+postgresDB+`', 'SELECT ... WHERE $1 <> ''NaN''')`)
	case messagePrefix.MatchString(text):
		text, _, _ := strings.Cut(messagePrefix.ReplaceAllString(text, ""), "\n")
		if !harmless.MatchString(text) {
			return "Postgres cannot read the rows, and what it says may have values of them: run the query with psql, which shows it"
		}
		return "Postgres says: " + quotedValue.ReplaceAllString(text, ": '...'")
	}
	return suggestedName.ReplaceAllLiteralString(explained.Error(), "")
}

// joinLines joins the lines of a text, each one once: libpq tries with TLS and without,
// and says both.
func joinLines(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	return strings.Join(all, "; ")
}
