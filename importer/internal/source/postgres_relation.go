package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// A relation is a table or a view of Postgres.
type relation struct {
	schema, name string
	visible      bool // without its schema's name
	readable     bool // by the role, at least one column
	columns      []pgColumn
}

// A pgColumn is a column of Postgres. A domain's has the type that the domain is of.
type pgColumn struct {
	name     string
	kind     string // name of the type; enum, array, composite
	element  string // of an array, the same
	depth    int    // of an array, as it was declared
	modifier int    // of numeric: precision and scale; -1: none
}

func (r *relation) label() string {
	if r.visible {
		return r.name
	}
	return r.schema + "." + r.name
}

func (r *relation) sql() string {
	if r.visible {
		return duck.Name(r.name)
	}
	return duck.Name(r.schema) + "." + duck.Name(r.name)
}

// pgColumns has the columns that the role may read of each table; of one of which it
// may read none, it has all, and reading says so.
const pgColumns = `SELECT n.nspname::text, c.relname::text, pg_table_is_visible(c.oid), has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'), a.attname::text,
	CASE WHEN b.typtype = 'c' THEN 'composite' WHEN b.typtype = 'e' THEN 'enum' WHEN b.typcategory = 'A' THEN 'array' ELSE b.typname::text END,
	CASE WHEN e.typtype = 'c' THEN 'composite' WHEN e.typtype = 'e' THEN 'enum' ELSE coalesce(e.typname::text, '') END,
	CASE WHEN t.typtype = 'd' THEN t.typndims ELSE a.attndims END,
	CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_type t ON t.oid = a.atttypid
	JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
	LEFT JOIN pg_type e ON b.typcategory = 'A' AND e.oid = b.typelem
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
	AND (has_column_privilege(c.oid, a.attnum, 'SELECT') OR NOT has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY n.nspname, c.relname, a.attnum`

// postgresRelations lists all tables and views, by schema and name.
func (l *load) postgresRelations(ctx context.Context) (all []*relation, err error) {
	rows, err := l.conn.QueryContext(ctx, "FROM "+askPostgres(pgColumns))
	if err != nil {
		return nil, l.explain(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r relation
		var c pgColumn
		if err := rows.Scan(&r.schema, &r.name, &r.visible, &r.readable, &c.name, &c.kind, &c.element, &c.depth, &c.modifier); err != nil {
			return nil, l.explain(ctx, err)
		}
		if n := len(all); n == 0 || all[n-1].schema != r.schema || all[n-1].name != r.name {
			all = append(all, &r)
		}
		last := all[len(all)-1]
		last.columns = append(last.columns, c)
	}
	if err := rows.Err(); err != nil {
		return nil, l.explain(ctx, err)
	}
	return all, nil
}

// query is a SELECT of DuckDB that reads all rows. Where the extension would change
// a value, Postgres writes it as text: a numeric's digits get lost, and its NaN
// becomes 0. typed is for the tables of a query, which calculates with numbers and
// looks into lists.
func (r *relation) query(typed bool) string {
	from := postgresDB + "." + duck.Name(r.schema) + "." + duck.Name(r.name)
	if !r.readable {
		return "SELECT * FROM " + from
	}
	var inner, outer []string
	changed := false
	for _, c := range r.columns {
		name := duck.Name(c.name) // Postgres quotes alike
		text, value := c.asText(name, typed), name
		if text == "" {
			text = name
		} else {
			value = c.fromText(name, typed) + " AS " + name
			text += " AS " + name
			changed = true
		}
		inner, outer = append(inner, text), append(outer, value)
	}
	if changed {
		from = askPostgres("SELECT " + strings.Join(inner, ", ") + " FROM " + duck.Name(r.schema) + "." + duck.Name(r.name))
	}
	return "SELECT " + strings.Join(outer, ", ") + " FROM " + from
}

// plainElements are of arrays that the extension reads as they are, if all have the
// dimensions that were declared, to which Postgres does not hold them.
var plainElements = map[string]bool{
	"bool": true, "int2": true, "int4": true, "int8": true, "float4": true, "float8": true, "text": true, "varchar": true, "bpchar": true,
	"citext": true, "enum": true, "uuid": true, "date": true, "timestamp": true, "timestamptz": true,
}

// asText is what Postgres makes of a column, or "" where the extension reads it well.
func (c pgColumn) asText(name string, typed bool) string {
	switch {
	case c.kind == "numeric", c.kind == "json", c.kind == "jsonb":
		return name + "::text"
	case c.kind == "hstore", c.kind == "composite", c.kind == "array" && !(typed && c.depth <= 1 && plainElements[c.element]):
		return "to_json(" + name + ")::text"
	case c.kind == "inet": // a cast would add the length of the mask to each address
		return "CASE WHEN " + name + " IS NOT NULL THEN format('%s', " + name + ") END"
	}
	return ""
}

// fromText is what DuckDB makes of that. JSON keeps all digits of a number, and a row
// in which it is NaN is refused alone.
func (c pgColumn) fromText(name string, typed bool) string {
	switch c.kind {
	case "inet":
		return name
	case "numeric":
		if precision, scale := c.digits(); typed && precision > 0 {
			return fmt.Sprintf("%s::DECIMAL(%d, %d)", name, precision, scale)
		}
		return name + "::JSON"
	}
	// Postgres takes some JSON that DuckDB does not, such as half a surrogate.
	return "CASE WHEN json_valid(" + name + ") THEN " + name + "::JSON ELSE to_json(" + name + ") END"
}

// digits are the precision and the scale of a numeric; zero where it has none, or one
// that DuckDB's DECIMAL has not.
func (c pgColumn) digits() (precision, scale int) {
	const header, widest = 4, 38
	if c.modifier < header {
		return 0, 0
	}
	precision, scale = (c.modifier-header)>>16, (c.modifier-header)&0x7ff
	if precision > widest || scale > precision { // a negative scale is a large one here
		return 0, 0
	}
	return precision, scale
}

// chooseRelation finds the table that is named, or the only one.
func (s *Source) chooseRelation(relations []*relation) (*relation, error) {
	var names []string
	var readable []*relation
	for _, r := range relations {
		if r.readable {
			names, readable = append(names, r.label()), append(readable, r)
		}
	}
	// Postgres tells "Users" from users.
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		for _, r := range relations {
			if same(r.label(), s.spec.Table) || same(r.schema+"."+r.name, s.spec.Table) {
				return r, nil
			}
		}
	}
	if err := s.choose(names); err != nil {
		return nil, err
	}
	return readable[0], nil
}
