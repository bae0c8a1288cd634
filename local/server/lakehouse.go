package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// A lakehouse answers {"statement": "..."} as the platform's lakehouse API does,
// one JSON value a line: the metadata, the columns, and each row. An error of the
// query is a line {"error": "..."} in their place, and one after rows that are
// not all. Only a request that is none of a query is refused with a status.
//
// It follows the client specification, and the source of the official mock server
// with the Arrow library by which that writes values (November 2026). The platform
// itself was not asked.
//
//	lines, metadata, errors    as both have them
//	column types               as the mock: LIST, MAP, DECIMAL(9, 2), STRUCT(a INTEGER),
//	                           HUGEINT is DECIMAL(38, 0), UUID is VARCHAR; ENUM, UNION,
//	                           BIT and others were not compared
//	TIMESTAMP WITH TIME ZONE   as the mock: "2026-01-02T10:00:00.500Z"
//	TIMESTAMP                  as the mock: "2026-01-02T10:00:00.500"
//	DATE, LIST, MAP, JSON      as the mock: "2026-01-02", an array, an object, the value
//	DECIMAL, HUGEINT           a number with every digit; the mock's goes through a float
//	TIME                       "12:30:00.5"; the mock: "12:30:00.500"
//	STRUCT                     an object; the mock: an array
//	NaN and infinity           "nan", "inf"; the mock: null
//	BLOB                       as DuckDB writes it; the mock: hexadecimal
//	INTERVAL, nested values    as DuckDB writes them, not compared
//	catalog, schema            altertable and analytics, where names without one are
//	                           looked up; others are errors of the query
//	timezone, dialect          UTC and duckdb; others are errors of the query
//	format                     default; others are refused
//	limit, offset              as the mock; at most 10,000 rows or 32 MiB at a time
//	users                      any name, with a key of -key as the password; there,
//	                           users have passwords of their own
//	other endpoints            404
//
// The clients were tried with the documentation's queries, an empty
// result, nulls, errors, too many rows, and a wrong password:
//
//	altertable-lakehouse 0.5.1 (Python)   query and query_all work. The text of a refusal
//	                                      with a status is lost by its query (an exception
//	                                      ResponseNotRead). Not query_parquet, nor the Ibis
//	                                      backend, which needs it.
//	altertable-lakehouse-go 38626c1       not run, since the module was not to be had; a
//	                                      program that reads by the rules of its source can
//	@altertable/lakehouse 0.2.2 (npm)     does not work: it lacks its main file, and would
//	                                      take names alone as columns
type lakehouse struct {
	database *database
	auth     *auth
	body     queryBody
	refused  *refusal
}

// A queryMetadata is the first line.
type queryMetadata struct {
	Statement         string            `json:"statement"`
	RowsLimit         *uint64           `json:"rows_limit"`
	RowsOffset        *uint64           `json:"rows_offset"`
	InitTime          int64             `json:"init_time_ms"` // positive
	ConnectionsErrors map[string]string `json:"connections_errors"`
	SessionID         string            `json:"session_id"`
	QueryID           string            `json:"query_id"`
	WorkerSlug        string            `json:"worker_slug"`
}

func (l lakehouse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !l.auth.admitsBasic(r) {
		challenge(w, r)
		return
	}
	start, q, refused := time.Now(), statement{}, l.refused
	if refused == nil {
		q, refused = parseStatement(l.body)
	}
	if refused != nil {
		plain(w, refused.status, refused.message)
		return
	}
	found, err := q.run(r.Context(), l.database)
	var own *sqlError
	if err != nil && !errors.As(err, &own) {
		plain(w, http.StatusInternalServerError, err.Error())
		return
	}
	out := newLines(w)
	out.write(queryMetadata{
		Statement:         strings.TrimSpace(q.text),
		RowsLimit:         q.limit,
		RowsOffset:        q.offset,
		InitTime:          max(1, time.Since(start).Milliseconds()),
		ConnectionsErrors: map[string]string{},
		SessionID:         q.sessionID,
		QueryID:           q.queryID,
		WorkerSlug:        "altertable-local",
	})
	if own != nil {
		out.fail(own.Message)
	} else {
		out.result(found)
	}
	out.flush()
}

// plain answers with text, which is what the platform's clients show.
func plain(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, message) // the client may have left
}

// lines writes an answer of JSON values, one a line. Its first error is that of
// all that follow: nobody reads any more.
type lines struct {
	out *bufio.Writer
	err error
}

func newLines(w http.ResponseWriter) *lines {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	return &lines{out: bufio.NewWriterSize(unhurried{w}, 64<<10)}
}

// unhurried gives the reader a minute for each write, not for the whole answer:
// a client may work on a row before it reads the next.
type unhurried struct{ http.ResponseWriter }

func (u unhurried) Write(p []byte) (int, error) {
	_ = http.NewResponseController(u.ResponseWriter).SetWriteDeadline(time.Now().Add(time.Minute))
	return u.ResponseWriter.Write(p)
}

// lineEnds are what the official Python client takes for the end of a line,
// besides control characters, which JSON escapes anyway.
var lineEnds = strings.NewReplacer("\u0085", `\u0085`, "\u2028", `\u2028`, "\u2029", `\u2029`)

func (l *lines) write(v any) {
	if l.err != nil {
		return
	}
	var line strings.Builder
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // v has strings, numbers and valid JSON
	}
	_, l.err = lineEnds.WriteString(l.out, line.String())
}

func (l *lines) fail(message string) { l.write(map[string]string{"error": message}) }

func (l *lines) result(found *result) {
	columns := make([]column, len(found.Columns))
	for i, c := range found.Columns {
		columns[i] = column{c.Name, platformType(c.Type)}
	}
	l.write(columns)
	for _, row := range found.Rows {
		for i, value := range row {
			row[i] = platformValue(found.Columns[i].Type, value)
		}
		l.write(row)
	}
	if found.Truncated {
		l.fail("there are more rows: altertable-local answers 10,000 or 32 MiB of them at a time; limit and offset get the others")
	}
}

func (l *lines) flush() {
	if l.err == nil {
		l.err = l.out.Flush()
	}
}
