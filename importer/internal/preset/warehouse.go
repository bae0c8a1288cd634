package preset

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// Segment and RudderStack write the same tables into a warehouse: tracks, pages,
// screens, identifies, users, aliases, groups, and one for each event. A row is a call;
// its properties or traits are columns, and what the context had is in columns
// that begin with context_. The table's name is not in its rows, so what a row
// is follows from the columns, except that screens look like identifies: those are
// known by the name of the file or the table.

// context is where a column of the context goes; of several the first that has a
// value counts.
var context = []struct {
	name    string
	columns []string
}{
	{"$ip", []string{"context_ip", "context_request_ip"}},
	{"$url", []string{"context_page_url"}},
	{"$referer", []string{"context_page_referrer"}},
	{"$os", []string{"context_os_name"}},
	{"$device", []string{"context_device_type"}},
	{"$device_model", []string{"context_device_model"}},
	{"$user_agent", []string{"context_user_agent"}},
	{"$utm_campaign", []string{"context_campaign_name"}},
	{"$utm_source", []string{"context_campaign_source"}},
	{"$utm_medium", []string{"context_campaign_medium"}},
	{"$utm_term", []string{"context_campaign_term"}},
	{"$utm_content", []string{"context_campaign_content"}},
	{"$lib", []string{"context_library_name"}},
	{"$lib_version", []string{"context_library_version"}},
}

// own are the columns of a row that are neither properties nor traits.
var own = []string{
	"_row", "_file", "id", "user_id", "anonymous_id", "previous_id", "group_id", "event", "event_text",
	"timestamp", "original_timestamp", "sent_at", "received_at", "loaded_at", "uuid", "uuid_ts", "channel",
	"endpoint", "distinct_id", "device_id", // names that the result has itself
}

// stored says if this looks like such a table: each has the call's id, and when
// it came in.
func (t table) stored() bool {
	return t.has("id") && t.any("received_at", "sent_at", "original_timestamp", "timestamp")
}

// screens is the name of the table of screens, with what may stand around it:
// analytics.screens, screens-000.parquet.
var screens = regexp.MustCompile(`(?i)(^|[^a-z])screens([^a-z]|$)`)

// kind says what the rows of the table in files of these names are. Those of
// screens among others are an error: nothing in a row tells them apart.
func (t table) kind(names []string) (string, error) {
	kind := t.kindByColumns()
	if kind != "identify" || !slices.ContainsFunc(names, screens.MatchString) {
		return kind, nil
	}
	if i := slices.IndexFunc(names, func(name string) bool { return !screens.MatchString(name) }); i >= 0 {
		return "", fmt.Errorf("%s is not of the table screens, whose rows look like those of other tables: import one table at a time", names[i])
	}
	return "screen", nil
}

func (t table) kindByColumns() string {
	switch {
	case t.any("event", "event_text"):
		return "track"
	case t.has("previous_id"):
		return "alias"
	case t.has("group_id"):
		return "group"
	case t.all([]string{"url", "path"}):
		return "page"
	}
	return "identify"
}

// warehouse is the mapping of a table of a warehouse. Columns that it does not
// name become properties or traits with their types.
func (t table) warehouse(tool string, names []string) (string, error) {
	kind, err := t.kind(names)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(parts, "") + "\n") }

	line("-- A warehouse table of ", tool, ". By its columns and its name its rows are calls of the type ", kind, ".")
	line("SELECT")
	line("  ", t.origin(), ",")
	line("  ", t.first("timestamp", "original_timestamp", "sent_at", "received_at"), " AS timestamp,")
	switch kind {
	case "group":
		line("  NULL::VARCHAR AS endpoint,")
		line("  'a group call: the platform has no endpoint for groups' AS _reason,")
		line("  to_json(source)::VARCHAR AS _raw")
		line("FROM source")
		return b.String(), nil
	case "alias":
		line("  'alias' AS endpoint,")
		line("  ", t.id("previous_id"), " AS distinct_id,")
		line("  ", t.id("user_id"), " AS new_user_id")
		line("FROM source")
		return b.String(), nil
	}
	t.event(kind, line)
	t.strangers(kind, line)
	user, anonymous := t.user(tool, kind), t.id("anonymous_id")
	line("  coalesce(", user, ", ", anonymous, ") AS distinct_id,")
	line("  CASE WHEN ", user, " <> ", anonymous, " THEN ", anonymous, " END AS anonymous_id,")
	line("  ", t.id("context_device_id"), " AS device_id,")
	line()
	line("  -- The context.")
	for _, c := range context {
		if t.any(c.columns...) {
			line("  ", t.first(c.columns...), " AS ", duck.Name(c.name), ",")
		}
	}
	if t.all([]string{"context_screen_width", "context_screen_height"}) {
		line("  ", t.column("context_screen_width"), "::VARCHAR || 'x' || ", t.column("context_screen_height"), "::VARCHAR AS \"$viewport\",")
	}
	line()
	line("  -- Properties or traits.")
	line("  * EXCLUDE (", strings.Join(t.known(kind), ", "), ")")
	line("FROM source")
	return b.String(), nil
}

// event writes which endpoint a row goes to, and the event of a track.
func (t table) event(kind string, line func(...string)) {
	switch kind {
	case "identify":
		line("  'identify' AS endpoint,")
	case "page":
		line("  'track' AS endpoint,")
		line("  '$pageview' AS event,")
		line("  ", t.value("name"), " AS \"$page_name\",")
		line("  ", t.value("category"), " AS \"$page_category\",")
	case "screen":
		line("  'track' AS endpoint,")
		line("  '$screen' AS event,")
		line("  ", t.value("name"), " AS \"$screen_name\",")
		line("  ", t.value("category"), " AS \"$screen_category\",")
	default:
		line("  'track' AS endpoint,")
		// event_text is the name as the code has it, event its form as a table's name.
		line("  ", t.first("event_text", "event"), " AS event,")
	}
}

// strangers refuses the rows of another table that was given to the same run: what
// tells the kind of a row is empty there.
func (t table) strangers(kind string, line func(...string)) {
	empty, lack := "", ""
	switch kind {
	case "track":
		empty, lack = t.first("event_text", "event")+" IS NULL", "no event"
	case "page":
		empty, lack = "coalesce("+t.column("url")+"::VARCHAR, "+t.column("path")+"::VARCHAR) IS NULL", "no url and no path"
	default:
		return
	}
	line("  CASE WHEN ", empty, " THEN '", lack, ": a row of another table? Import one table at a time' END AS _reason,")
	line("  CASE WHEN ", empty, " THEN to_json(source)::VARCHAR END AS _raw,")
}

// known are the columns that are not passed on.
func (t table) known(kind string) []string {
	var known []string
	for _, c := range t.columns {
		l := strings.ToLower(c)
		named := (kind == "page" || kind == "screen") && (l == "name" || l == "category")
		if named || slices.Contains(own, l) || strings.HasPrefix(l, "context_") {
			known = append(known, duck.Name(c))
		}
	}
	return known
}

// user is the column of the user's id. The table users has it as its key: Segment's
// has no other id, and RudderStack's the last anonymous id.
func (t table) user(tool, kind string) string {
	if !t.any("user_id", "anonymous_id") || tool == "rudderstack" && kind == "identify" && !t.has("user_id") {
		return t.id("id")
	}
	return t.id("user_id")
}

// id is a column of ids as text; an empty one is none.
func (t table) id(name string) string {
	if !t.has(name) {
		return "NULL::VARCHAR"
	}
	return "nullif(" + t.column(name) + "::VARCHAR, '')"
}

// first is the first value of these columns, as far as there are such columns.
func (t table) first(names ...string) string {
	var have []string
	for _, n := range names {
		if t.has(n) {
			have = append(have, t.column(n)+"::VARCHAR")
		}
	}
	switch len(have) {
	case 0:
		return "NULL::VARCHAR"
	case 1:
		return have[0]
	}
	return "coalesce(" + strings.Join(have, ", ") + ")"
}
