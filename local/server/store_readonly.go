package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func notReadOnly() error {
	return &sqlError{"read-only", "only one SELECT, or an EXPLAIN of one, is answered"}
}

var explain = regexp.MustCompile(`(?i)^\s*EXPLAIN(\s+ANALYZE)?\s+`)

// checkReadOnly refuses whatever is not a SELECT or an EXPLAIN of one, by the syntax
// tree that DuckDB makes of it, before anything else is done with it. It reports
// whether it is an EXPLAIN.
//
// A SELECT can do harm too: some table functions read files, change settings or
// take pointers. DuckDB has no switch for the last two. So only functions known
// to be harmless are admitted.
func checkReadOnly(ctx context.Context, conn *sql.Conn, text string) (explains bool, err error) {
	inner := text[len(explain.FindString(text)):]
	var serialized string
	if err := conn.QueryRowContext(ctx, `SELECT json_serialize_sql(?::VARCHAR)::VARCHAR`, inner).Scan(&serialized); err != nil {
		return false, err
	}
	var tree struct {
		Error      bool   `json:"error"`
		ErrorType  string `json:"error_type"`
		Statements []any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(serialized), &tree); err != nil {
		return false, err
	}
	if tree.Error && tree.ErrorType == "parser" {
		// Of what does not parse, prepare runs nothing, and says where it is wrong.
		if _, err := prepare(conn, text); err != nil {
			return false, err
		}
		return false, notReadOnly()
	}
	if tree.Error || len(tree.Statements) != 1 {
		return false, notReadOnly()
	}
	if name := forbidden(tree.Statements); name != "" {
		return false, &sqlError{"read-only", "the table function " + name + " is not available here"}
	}
	return len(inner) < len(text), nil
}

// harmless are the table functions that read nothing but the database.
var harmless = []string{
	"generate_series", "range", "unnest", "repeat", "repeat_row",
	"json_each", "json_tree", "summary", "test_all_types",
	"duckdb_columns", "duckdb_databases", "duckdb_functions", "duckdb_keywords", "duckdb_memory",
	"duckdb_schemas", "duckdb_settings", "duckdb_tables", "duckdb_types", "duckdb_views",
	"icu_calendar_names", "pg_timezone_names", "pragma_database_size", "pragma_table_info", "pragma_version",
}

// forbidden returns the first table function in the tree that is not harmless.
func forbidden(tree any) string {
	switch node := tree.(type) {
	case []any:
		for _, child := range node {
			if name := forbidden(child); name != "" {
				return name
			}
		}
	case map[string]any:
		if node["type"] == "TABLE_FUNCTION" {
			function, _ := node["function"].(map[string]any)
			name, _ := function["function_name"].(string)
			if name == "" || !slices.Contains(harmless, strings.ToLower(name)) {
				return strconv.Quote(name)
			}
		}
		for _, child := range node {
			if name := forbidden(child); name != "" {
				return name
			}
		}
	}
	return ""
}
