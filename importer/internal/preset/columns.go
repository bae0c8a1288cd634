package preset

import (
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// A table is the columns of a source: their names by their names in lower case,
// since databases change the case.
type table struct {
	columns []string
	names   map[string]string
}

func named(columns []string) table {
	t := table{columns: columns, names: make(map[string]string, len(columns))}
	for _, c := range columns {
		t.names[strings.ToLower(c)] = c
	}
	return t
}

func (t table) has(name string) bool {
	_, ok := t.names[strings.ToLower(name)]
	return ok
}

func (t table) all(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !t.has(n) })
}

func (t table) any(names ...string) bool { return slices.ContainsFunc(names, t.has) }

// data are the columns except those that say where a row is from.
func (t table) data() string {
	data := slices.DeleteFunc(slices.Clone(t.columns), func(c string) bool { return c == "_row" || c == "_file" || c == "_json" })
	return strings.Join(data, ", ")
}

// column returns the quoted name of a column that the table has.
func (t table) column(name string) string { return duck.Name(t.names[strings.ToLower(name)]) }

// value is a column, or NULL where there is none.
func (t table) value(name string) string {
	if !t.has(name) {
		return "NULL::VARCHAR"
	}
	return t.column(name)
}

// part returns a column that holds a member of one of the form's objects, such as
// properties.plan, where the object itself is missing. Its values would be lost.
func (t table) part(f form) string {
	for _, object := range f.objects {
		if t.has(object) {
			continue
		}
		for _, c := range t.columns {
			if strings.HasPrefix(strings.ToLower(c), strings.ToLower(object)+".") {
				return c
			}
		}
	}
	return ""
}

// origin is where a row is from: a source of one file has no _file.
func (t table) origin() string {
	if t.has("_file") {
		return "_row, _file"
	}
	return "_row, NULL::VARCHAR AS _file"
}

// lines selects the rows of a source that has _json.
func (t table) lines() string {
	return "  SELECT " + t.origin() + ", _json FROM source"
}

// objects makes a JSON object of each row of columns, as a line would have it.
func (t table) objects(f form) string {
	var b strings.Builder
	b.WriteString("  -- Columns become the object that a line of JSON would have.\n")
	b.WriteString("  SELECT " + t.origin() + ", json_object(")
	first := true
	for _, name := range slices.Concat(f.needs, f.has) {
		if !t.has(name) {
			continue
		}
		if !first {
			b.WriteString(",")
		}
		first = false
		c := t.column(name)
		if slices.Contains(f.objects, name) {
			// Text that is JSON, or else a STRUCT or a MAP.
			c = "coalesce(TRY_CAST(" + c + "::VARCHAR AS JSON), to_json(" + c + "))"
		}
		b.WriteString("\n    " + duck.Quote(name) + ", " + c)
	}
	b.WriteString("\n  )::VARCHAR AS _json\n  FROM source")
	return b.String()
}
