package stage

import (
	"regexp"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// origin is what a query over the source selects from.
func origin(s *source.Source) string {
	if from := allOf.FindStringSubmatch(s.SQL); from != nil {
		return inQuotes.ReplaceAllStringFunc(from[1], func(name string) string {
			if name[0] == '\'' {
				return name
			}
			return identifier(strings.ReplaceAll(name[1:len(name)-1], `""`, `"`))
		})
	}
	if s.SQL != "" && s.Path == "" {
		return "..."
	}
	return "source"
}

var (
	// allOf matches a query of all that is in a file, or in a table, which may have its
	// schema and its database before dots.
	allOf    = regexp.MustCompile(`(?is)^\s*SELECT\s+\*\s+FROM\s+(` + file + `|` + part + `(?:\.` + part + `)*)\s*$`)
	inQuotes = regexp.MustCompile(file + `|` + quotedName)
)

const (
	file       = `'(?:[^']|'')*'`
	quotedName = `"(?:[^"]|"")*"`
	part       = `(?:` + quotedName + `|[\pL_][\pL\pN_]*)`
)

// identifier quotes a name where SQL needs it.
func identifier(name string) string {
	for i, r := range name {
		if !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9') {
			return duck.Name(name)
		}
	}
	if slices.Contains(reserved, strings.ToLower(name)) || name == "" {
		return duck.Name(name)
	}
	return name
}

// reserved are words that are no names in DuckDB's SQL.
var reserved = strings.Fields(`
	all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default deferrable desc
	describe distinct do else end except false fetch for foreign from group having in initially intersect into lambda lateral leading
	limit not null offset on only or order pivot pivot_longer pivot_wider placing primary qualify references returning select show
	some summarize symmetric table then to trailing true union unique unpivot using variadic when where window with`)
