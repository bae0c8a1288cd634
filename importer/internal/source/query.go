package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func (s *Source) findQuery() error {
	if s.spec.Format != "" || s.spec.Delimiter != "" || s.spec.Encoding != "" {
		return errors.New("-format, -delimiter and -encoding are for files: a query says them itself, as in read_csv('...', delim = ';')")
	}
	s.Name = "the query"
	if s.SQL = trimQuery(s.spec.SQL); s.SQL == "" {
		return errors.New("-sql is empty")
	}
	s.Text = isText(s.SQL)
	s.loader = func(ctx context.Context, l *load) error { return l.fill(ctx, l.s.SQL) }
	return nil
}

// isText reports whether a query reads a CSV file as this package prints it: its
// numbers are text then, as they are without -sql.
func isText(query string) bool {
	return strings.Contains(query, textColumns) && !strings.Contains(query, textColumns+"'_json'")
}

// trimQuery takes off what ends a statement.
func trimQuery(query string) string { return strings.TrimRight(query, "; \t\r\n") }

// fill makes the table and the view over it of the result of a query.
func (l *load) fill(ctx context.Context, query string) error {
	if err := l.checkQuery(ctx, query); err != nil {
		return err
	}
	statement := "CREATE TABLE import.main.loaded AS " + query + "\n" // the newline ends a comment in the last line
	err := l.db.Large(ctx, func() error {
		_, err := l.conn.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		return l.sentence(ctx, err, duck.Explain(context.WithoutCancel(ctx), l.conn, err, statement, l.s.spec.SQL))
	}
	if err := l.show(ctx, query); err != nil {
		return err
	}
	if err := l.findRaw(ctx); err != nil {
		return err
	}
	return l.keepRejects(ctx)
}

// checkQuery refuses several statements: the driver would run all, whatever they
// write, and the rows of one would be missing. What is no SELECT is refused where
// it is run, as it is run within another statement.
func (l *load) checkQuery(ctx context.Context, query string) error {
	if l.s.spec.SQL == "" {
		return nil
	}
	var statements int
	var problem string
	err := l.conn.QueryRowContext(ctx, `SELECT coalesce(json_array_length(tree, '$.statements'), 1), coalesce(tree->>'$.error_type', '')
		FROM (SELECT json_serialize_sql(?::VARCHAR) AS tree)`, query).Scan(&statements, &problem)
	if err != nil {
		return l.explain(ctx, err)
	}
	if problem == "not implemented" { // for a statement that is no SELECT, and for PIVOT
		prepared, err := l.conn.PrepareContext(ctx, "SELECT * FROM ("+query+"\n)")
		if err != nil && duck.IsSyntax(err) {
			statements = 2
		}
		if err == nil {
			_ = prepared.Close()
		}
	}
	if statements > 1 {
		return fmt.Errorf("%s: -sql is one SELECT, and nothing else: put what comes before it into WITH", l.s.Name)
	}
	return nil
}

// show makes the view over the table loaded. A column with a name that has a
// meaning has it if the query says that name: in SELECT * it is the data's own.
func (l *load) show(ctx context.Context, query string) error {
	columns, err := duck.Texts(ctx, l.conn, "SELECT column_name FROM duckdb_columns() WHERE database_name = 'import' AND schema_name = 'main' AND table_name = 'loaded' ORDER BY column_index")
	if err != nil {
		return l.explain(ctx, err)
	}
	taken := map[string]bool{}
	for _, name := range columns {
		taken[strings.ToLower(name)] = true
	}
	number, shown := "rowid + 1 AS _row", ""
	for _, name := range columns {
		inner, outer, lower := name, name, strings.ToLower(name)
		switch {
		case lower == "rowid": // hides DuckDB's own
			inner = unusedName(name, taken)
			if err := l.exec(ctx, "ALTER TABLE import.main.loaded RENAME "+duck.Name(name)+" TO "+duck.Name(inner)); err != nil {
				return err
			}
		case slices.Contains(Reserved, lower) && !mentions(query, lower):
			outer = unusedName(name, taken)
		case lower == "_row":
			number = ""
		case lower == "_json":
			l.s.JSON = true
		}
		shown += ", " + duck.Name(inner) + " AS " + duck.Name(outer)
	}
	return l.exec(ctx, "CREATE VIEW import.main.source AS SELECT "+strings.TrimPrefix(number+shown, ", ")+" FROM import.main.loaded")
}

// Reserved are names of columns that say what no data says. Package stage gives
// them their meaning.
var Reserved = []string{"_row", "_file", "_json", "_message", "_reason", "_raw"}

// mentions reports whether a query has a name as a word.
func mentions(query, name string) bool {
	return regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(name) + `\b`).MatchString(query)
}

// unusedName returns a name like another that no column has, and takes it.
func unusedName(name string, taken map[string]bool) string {
	for n := 1; ; n++ {
		if next := fmt.Sprintf("%s_%d", name, n); !taken[strings.ToLower(next)] {
			taken[strings.ToLower(next)] = true
			return next
		}
	}
}

// findRaw looks at the first object of a query that has _json.
func (l *load) findRaw(ctx context.Context) error {
	if !l.s.JSON {
		return nil
	}
	rows, err := l.conn.QueryContext(ctx, "SELECT _json::VARCHAR FROM import.main.loaded WHERE _json IS NOT NULL LIMIT 1")
	if err != nil {
		return l.explain(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var object string
		if err := rows.Scan(&object); err != nil {
			return err
		}
		l.s.Raw = isRaw([]byte(object))
	}
	return rows.Err()
}

// keepRejects makes torn rows of what DuckDB's readers of CSV rejected, with
// store_rejects. They note the line of the file, the header counted.
func (l *load) keepRejects(ctx context.Context) error {
	rows, err := l.conn.QueryContext(ctx, `SELECT e.table_name, s.table_name FROM duckdb_columns() e, duckdb_columns() s
		WHERE e.database_name = 'temp' AND s.database_name = 'temp' AND e.column_name = 'csv_line' AND s.column_name = 'file_path'`)
	if err != nil {
		return l.explain(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	var inserts []string
	for rows.Next() {
		var errorsTable, scansTable string
		if err := rows.Scan(&errorsTable, &scansTable); err != nil {
			return err
		}
		inserts = append(inserts, fmt.Sprintf(`INSERT INTO import.main.torn
			SELECT DISTINCT ON (e.scan_id, e.file_id, e.line) e.line - s.has_header::INT, CASE WHEN count(DISTINCT s.file_path) OVER () > 1 THEN parse_filename(s.file_path) END,
				e.csv_line, 'DuckDB cannot read the row: ' || lower(e.error_type::VARCHAR)
			FROM temp.%s e JOIN temp.%s s USING (scan_id, file_id) ORDER BY e.scan_id, e.file_id, e.line`, duck.Name(errorsTable), duck.Name(scansTable)))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, insert := range inserts {
		if err := l.exec(ctx, insert); err != nil {
			return err
		}
	}
	return nil
}
