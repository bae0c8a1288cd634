package server

import (
	"encoding/json"
	"strings"
	"time"
)

// platformType is the name that the platform has for one of DuckDB's types: the
// same, except that it does not say what a list, a map or an enum is made of, that
// it writes a decimal with a space, and that it takes the name from Arrow's type,
// which DuckDB has fewer of.
func platformType(name string) string {
	switch name {
	case "HUGEINT", "UHUGEINT":
		return "DECIMAL(38, 0)"
	case "UUID":
		return "VARCHAR"
	}
	if element, ok := strings.CutSuffix(name, "[]"); ok && element != "" {
		return "LIST"
	}
	if i := strings.LastIndexByte(name, '['); i > 0 && strings.HasSuffix(name, "]") {
		return platformType(name[:i]) + "[]"
	}
	base, inner, ok := strings.Cut(name, "(")
	switch {
	case !ok:
		return name
	case base == "MAP", base == "UNION", base == "ENUM":
		return base
	case base == "DECIMAL":
		return strings.Replace(name, ",", ", ", 1)
	case base == "STRUCT":
		var fields []string
		for _, field := range splitFields(strings.TrimSuffix(inner, ")")) {
			name, kind := cutName(field)
			fields = append(fields, name+" "+platformType(kind))
		}
		return "STRUCT(" + strings.Join(fields, ", ") + ")"
	}
	return name
}

// splitFields splits at the commas that are in no quotes and no parentheses.
func splitFields(list string) (fields []string) {
	depth, start, quote := 0, 0, rune(0)
	for i, r := range list {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0 // a doubled one begins again at once
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			fields, start = append(fields, strings.TrimSpace(list[start:i])), i+1
		}
	}
	return append(fields, strings.TrimSpace(list[start:]))
}

// cutName takes a field's name, which may be quoted, from its type.
func cutName(field string) (name, kind string) {
	if !strings.HasPrefix(field, `"`) {
		name, kind, _ = strings.Cut(field, " ")
		return name, kind
	}
	rest := field[1:]
	for {
		part, after, _ := strings.Cut(rest, `"`)
		name += part
		if rest, _ = strings.CutPrefix(after, `"`); rest == after {
			return name, strings.TrimSpace(after)
		}
		name += `"`
	}
}

// platformValue writes a timestamp as the platform does: with 0, 3, 6 or 9 digits
// of its fraction, and with a Z only if its type has a time zone. All else stays.
func platformValue(kind string, value json.RawMessage) json.RawMessage {
	if !strings.HasPrefix(kind, "TIMESTAMP") || strings.HasSuffix(kind, "]") {
		return value
	}
	t, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(value))
	if err != nil {
		return value // null, or infinite
	}
	layout := `"2006-01-02T15:04:05`
	switch nanos := t.Nanosecond(); {
	case nanos == 0:
	case nanos%1_000_000 == 0:
		layout += ".000"
	case nanos%1_000 == 0:
		layout += ".000000"
	default:
		layout += ".000000000"
	}
	if kind == "TIMESTAMP WITH TIME ZONE" {
		layout += "Z"
	}
	return json.RawMessage(t.Format(layout + `"`))
}
