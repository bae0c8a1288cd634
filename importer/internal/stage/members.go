package stage

import (
	"fmt"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// members are what the stage takes of a JSON object, in the order of the column
// members. All else is left to package message, which reads the object itself.
var members = []string{"event", "distinct_id", "anonymous_id", "environment", "timestamp", "new_user_id", "endpoint"}

// paths is the list of members for DuckDB; "" if the rows are no JSON.
func (sh *shape) paths() string {
	if !sh.has(message.JSON) {
		return ""
	}
	paths := make([]string, len(members))
	for i, name := range members {
		path := "$." + name
		if sh.raw && name != "endpoint" {
			path = "$.message." + name
		}
		paths[i] = duck.Quote(path)
	}
	return "[" + strings.Join(paths, ", ") + "]"
}

// text is a column as text, or else the member of that name. NULL stands for
// neither, and for an empty text.
func (sh *shape) text(role message.Role, name string) string {
	if c := sh.column(role); c != "" {
		return "nullif(" + c + "::VARCHAR, '')"
	}
	for i, member := range members {
		if member == name && sh.has(message.JSON) {
			return fmt.Sprintf("nullif(members[%d], '')", i+1)
		}
	}
	return "NULL::VARCHAR"
}

func (sh *shape) event() string { return sh.text(message.Event, "event") }
func (sh *shape) zone() string  { return sh.text(message.Environment, "environment") }

// person is the distinct_id, and that of a track without one its anonymous_id.
// rank is a column.
func (sh *shape) person() string {
	return fmt.Sprintf("coalesce(%s, CASE WHEN rank = %d THEN %s END)",
		sh.text(message.DistinctID, "distinct_id"), rankOf(record.Track), sh.text(message.AnonymousID, "anonymous_id"))
}

// endpoint is that which the row names, or "" if none does.
func (sh *shape) endpoint() string {
	if !sh.has(message.Endpoint) && !sh.has(message.JSON) {
		return ""
	}
	return "lower(trim(" + sh.text(message.Endpoint, "endpoint") + "))"
}

// time is the timestamp in SQL, and whether the row has one.
func (sh *shape) time() (at instant, has string) {
	if i, ok := sh.role[message.Timestamp]; ok {
		at, _ = instantOf(sh.columns[i].Type, column(i))
		return at, sh.text(message.Timestamp, "timestamp") + " IS NOT NULL"
	}
	member := sh.text(message.Timestamp, "timestamp")
	return textInstant(member), member + " IS NOT NULL"
}

// kept is SQL of the table sorted for what rows have as sql: rows of JSON have it
// in a column.
func (sh *shape) kept(name, sql string) string {
	if sh.has(message.JSON) {
		return name
	}
	return sql
}
