package stage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// members are what the stage takes of a JSON object, in the order of the column
// members. All else is left to package message, which reads the object itself.
var members = []message.Role{message.DistinctID, message.AnonymousID, message.Environment, message.Timestamp, message.Endpoint}

// paths is the list of members for DuckDB; "" if the rows are no JSON.
func (sh *shape) paths() string {
	if !sh.has(message.JSON) {
		return ""
	}
	paths := make([]string, len(members))
	for i, role := range members {
		path := "$." + role.Name()
		if sh.raw && role != message.Endpoint {
			path = "$.message." + role.Name()
		}
		paths[i] = duck.Quote(path)
	}
	return "[" + strings.Join(paths, ", ") + "]"
}

// text is a column as text, and where that is NULL the member of that name. NULL
// stands for neither, and for an empty text.
func (sh *shape) text(role message.Role) string {
	var found []string
	if c := sh.column(role); c != "" {
		found = append(found, c+"::VARCHAR")
	}
	if i := slices.Index(members, role); i >= 0 && sh.has(message.JSON) {
		found = append(found, fmt.Sprintf("members[%d]", i+1))
	}
	if found == nil {
		return "NULL::VARCHAR"
	}
	return "nullif(coalesce(" + strings.Join(found, ", ") + "), '')"
}

func (sh *shape) zone() string { return sh.text(message.Environment) }

// person is the distinct_id, and that of a track without one its anonymous_id.
// rank is a column.
func (sh *shape) person() string {
	return fmt.Sprintf("coalesce(%s, CASE WHEN rank = %d THEN %s END)",
		sh.text(message.DistinctID), rankOf(record.Track), sh.text(message.AnonymousID))
}

// endpoint is that which the row names, or "" if none does.
func (sh *shape) endpoint() string {
	if !sh.has(message.Endpoint) && !sh.has(message.JSON) {
		return ""
	}
	return sh.text(message.Endpoint)
}

// time is the timestamp in SQL, and as text. As with all that is
// read of columns and of an object, the column comes first.
func (sh *shape) time() (at instant, text string) {
	text = sh.text(message.Timestamp)
	if i, ok := sh.role[message.Timestamp]; ok && !sh.has(message.JSON) {
		at, _ = instantOf(sh.columns[i].Type, column(i))
		return at, text
	}
	return textInstant(text), text
}

// kept is SQL of the table sorted for what rows have as sql: rows of JSON have it
// in a column.
func (sh *shape) kept(name, sql string) string {
	if sh.has(message.JSON) {
		return name
	}
	return sql
}
