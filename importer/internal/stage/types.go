package stage

import (
	"fmt"
	"slices"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
)

func isJSON(t duckdb.TypeInfo) bool {
	return t.Alias() == "JSON" || t.InternalType() == duckdb.TYPE_VARIANT
}

// fits reports a column whose type does not go with its name.
func fits(c message.Column) error {
	var ok bool
	var want string
	switch c.Role {
	case message.Timestamp:
		_, ok = instantOf(c.Type, "")
		want = "a time, a date, a text or a number"
	case message.Properties, message.Traits:
		switch c.Type.InternalType() {
		case duckdb.TYPE_VARCHAR, duckdb.TYPE_MAP, duckdb.TYPE_STRUCT, duckdb.TYPE_VARIANT:
			ok = true
		}
		want = "JSON, a MAP or a STRUCT"
	default:
		ok = isScalar(c.Type)
		want = "a text or a number"
	}
	if ok {
		return nil
	}
	return fmt.Errorf("the column %s is a %s, and has to be %s: cast it or take a member of it with -sql",
		c.Name, typeName(c.Type), want)
}

func isScalar(t duckdb.TypeInfo) bool {
	switch t.InternalType() {
	case duckdb.TYPE_STRUCT, duckdb.TYPE_MAP, duckdb.TYPE_LIST, duckdb.TYPE_ARRAY, duckdb.TYPE_UNION,
		duckdb.TYPE_BLOB, duckdb.TYPE_BIT, duckdb.TYPE_INTERVAL, duckdb.TYPE_GEOMETRY, duckdb.TYPE_VARIANT:
		return false
	}
	return true
}

func typeName(t duckdb.TypeInfo) string {
	names := map[duckdb.Type]string{
		duckdb.TYPE_STRUCT: "STRUCT", duckdb.TYPE_MAP: "MAP", duckdb.TYPE_LIST: "LIST", duckdb.TYPE_ARRAY: "ARRAY",
		duckdb.TYPE_UNION: "UNION", duckdb.TYPE_BLOB: "BLOB", duckdb.TYPE_BIT: "BIT", duckdb.TYPE_INTERVAL: "INTERVAL",
		duckdb.TYPE_BOOLEAN: "BOOLEAN", duckdb.TYPE_TIME: "TIME", duckdb.TYPE_UUID: "UUID", duckdb.TYPE_VARIANT: "VARIANT",
	}
	if name, ok := names[t.InternalType()]; ok {
		return name
	}
	return "column of another type"
}

// value is a column as it is kept in the table sorted: of a type that the driver
// reads without loss.
func value(c message.Column, name string) string {
	switch c.Role {
	case message.Endpoint, message.JSON, message.Message:
		return name + "::VARCHAR"
	}
	switch t := c.Type.InternalType(); {
	case t == duckdb.TYPE_VARIANT:
		return name + "::JSON::VARCHAR"
	case c.JSON, t == duckdb.TYPE_SQLNULL, t == duckdb.TYPE_INVALID, t == duckdb.TYPE_ANY, t == duckdb.TYPE_GEOMETRY:
		return name + "::VARCHAR"
	}
	return name
}

// hashed is what of a value goes into the hash of its row. Two values have the
// same hash if they are equal, and DuckDB takes some for equal that are not: zeros
// of both signs, 30 days and a month, times in different zones.
func hashed(c message.Column, name string) string {
	switch c.Type.InternalType() {
	case duckdb.TYPE_FLOAT, duckdb.TYPE_DOUBLE:
		return name + ", signbit(" + name + ")"
	}
	if equalsOthers(c.Type) {
		return name + "::VARCHAR"
	}
	return value(c, name)
}

func equalsOthers(t duckdb.TypeInfo) bool {
	switch t.InternalType() {
	case duckdb.TYPE_FLOAT, duckdb.TYPE_DOUBLE, duckdb.TYPE_INTERVAL, duckdb.TYPE_TIME_TZ, duckdb.TYPE_ENUM, duckdb.TYPE_UNION:
		return true
	}
	switch d := t.Details().(type) {
	case *duckdb.ListDetails:
		return equalsOthers(d.Child)
	case *duckdb.ArrayDetails:
		return equalsOthers(d.Child)
	case *duckdb.MapDetails:
		return equalsOthers(d.Key) || equalsOthers(d.Value)
	case *duckdb.StructDetails:
		return slices.ContainsFunc(d.Entries, func(e duckdb.StructEntry) bool { return equalsOthers(e.Info()) })
	}
	return false
}

// size is the number of bytes of a value, or "" where it is always a few.
func size(t duckdb.TypeInfo, name string, depth int) string {
	switch t.InternalType() {
	case duckdb.TYPE_VARCHAR:
		return "strlen(" + name + ")"
	case duckdb.TYPE_BLOB:
		return "octet_length(" + name + ")"
	case duckdb.TYPE_BOOLEAN, duckdb.TYPE_TINYINT, duckdb.TYPE_SMALLINT, duckdb.TYPE_INTEGER, duckdb.TYPE_BIGINT,
		duckdb.TYPE_UTINYINT, duckdb.TYPE_USMALLINT, duckdb.TYPE_UINTEGER, duckdb.TYPE_UBIGINT, duckdb.TYPE_FLOAT,
		duckdb.TYPE_DOUBLE, duckdb.TYPE_TIMESTAMP, duckdb.TYPE_DATE, duckdb.TYPE_TIME, duckdb.TYPE_INTERVAL,
		duckdb.TYPE_HUGEINT, duckdb.TYPE_UHUGEINT, duckdb.TYPE_DECIMAL, duckdb.TYPE_TIMESTAMP_S, duckdb.TYPE_TIMESTAMP_MS,
		duckdb.TYPE_TIMESTAMP_NS, duckdb.TYPE_ENUM, duckdb.TYPE_UUID, duckdb.TYPE_TIME_TZ, duckdb.TYPE_TIMESTAMP_TZ:
		return ""
	case duckdb.TYPE_STRUCT:
		return structSize(t, name, depth)
	case duckdb.TYPE_LIST:
		return listSize(t.Details().(*duckdb.ListDetails).Child, name, depth)
	case duckdb.TYPE_MAP:
		d := t.Details().(*duckdb.MapDetails)
		return listSize(d.Key, "map_keys("+name+")", depth) + " + " + listSize(d.Value, "map_values("+name+")", depth)
	}
	return "strlen(" + name + "::VARCHAR)"
}

// inList is about what an element takes besides its text.
const inList = 16

func listSize(child duckdb.TypeInfo, name string, depth int) string {
	few := fmt.Sprintf("%d * coalesce(len(%s), 0)", inList, name)
	element := fmt.Sprintf("x%d", depth)
	of := size(child, element, depth+1)
	if of == "" {
		return few
	}
	return fmt.Sprintf("%s + coalesce(list_sum(list_transform(%s, lambda %s: coalesce(%s, 0))), 0)::BIGINT", few, name, element, of)
}

func structSize(t duckdb.TypeInfo, name string, depth int) string {
	var parts []string
	for i, entry := range t.Details().(*duckdb.StructDetails).Entries {
		member := fmt.Sprintf("struct_extract(%s, %s)", name, duck.Quote(entry.Name()))
		if entry.Name() == "" {
			member = fmt.Sprintf("struct_extract(%s, %d)", name, i+1)
		}
		if of := size(entry.Info(), member, depth); of != "" {
			parts = append(parts, "coalesce("+of+", 0)")
		}
	}
	return sum(parts)
}

func isInteger(t duckdb.TypeInfo) bool {
	switch t.InternalType() {
	case duckdb.TYPE_BIGINT, duckdb.TYPE_INTEGER:
		return true
	}
	return false
}
