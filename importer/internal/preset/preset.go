// Package preset has the SQL that makes messages of other tools' exports.
//
// Each preset is a file of SQL, written to be printed, read and edited. It takes
// the table source, as lines of JSON or as columns, and gives the columns that
// package stage describes. What the platform's own Segment bridge has a name
// for gets that name: $url, $referer, $ip, $utm_source and so on. Other names
// stay as they are in the export.
//
// # Segment and RudderStack
//
// The exports are the raw calls of the archive in object storage, and the
// tables of a warehouse: see warehouse. track, page and screen become tracks,
// identify and alias become themselves. The context is added to properties and
// traits. Group and delete calls are refused: the platform has no endpoint for
// them.
//
// # PostHog
//
// The exports are the events and the persons of a batch export, as JSON lines or
// Parquet, and the rows of the older API and its CSV. $identify and $set become
// identifies, $create_alias and $merge_dangerously aliases, and all other events
// tracks. $set, $set_once and person_properties of other events become an
// identify at the event's time, where they say something new. Persons become
// identifies; ids that look like a visitor's are linked to the person's only other
// one. $groupidentify and deleted persons are refused.
//
// # Mixpanel
//
// The exports are the raw events, and the profiles. $identify becomes an
// identify, $create_alias and $merge become aliases, profiles identifies at the
// time they were last seen. The id that Mixpanel chose for a person is linked to
// the user's where it is another one.
//
// # Amplitude
//
// The export is that of the export API, which is also that of its archive in
// object storage. $identify becomes an identify; user_properties of other events
// become an identify at the event's time where they differ from the person's
// last ones. $groupidentify is refused.
//
// # Anonymous ids
//
// An id that belongs to a device, of Mixpanel and Amplitude, becomes a user's
// anonymous id only if the export knows no other user of that device: a link
// cannot be undone. The anonymous ids of Segment and RudderStack belong to one
// person by themselves. The platform need not follow a link that only a track
// has, so an identify says it, at the first event of the user that shows the id.
package preset

import (
	"embed"
	"fmt"
	"sort"
	"strings"
)

//go:embed *.sql
var files embed.FS

// A Preset is a tool whose exports can be imported.
type Preset struct {
	Name string // segment
	Doc  string // one line: which export it reads
}

// An export is what a preset knows about the columns of its tool's export.
type export struct {
	doc   string
	forms []form
	// flat says that a table of a warehouse is taken as well.
	flat bool
}

// A form is a set of columns that an export can have.
type form struct {
	needs   []string // all of these
	has     []string // and these, if they are there
	objects []string // of both, those that hold JSON
}

var exports = map[string]export{
	"amplitude": {
		doc: "events of the export API",
		forms: []form{{
			needs: []string{"event_type", "event_time"},
			has: []string{"user_id", "device_id", "client_event_time", "event_properties", "user_properties",
				"ip_address", "os_name", "os_version", "device_type", "device_model", "device_brand",
				"device_manufacturer", "device_carrier", "platform", "version_name", "language",
				"country", "region", "city", "library", "session_id", "$insert_id", "insert_id"},
			objects: []string{"event_properties", "user_properties"},
		}},
	},
	"mixpanel": {
		doc: "events of the raw export API, or profiles",
		forms: []form{
			{needs: []string{"event", "properties"}, objects: []string{"properties"}},
			{needs: []string{"$distinct_id", "$properties"}, objects: []string{"$properties"}},
		},
	},
	"posthog": {
		doc: "events or persons of a batch export",
		forms: []form{
			{
				needs:   []string{"event", "distinct_id", "timestamp"},
				has:     []string{"properties", "person_properties", "person_id", "ip", "elements_chain", "elements", "created_at", "_inserted_at"},
				objects: []string{"properties", "person_properties"},
			},
			{
				needs:   []string{"person_id", "distinct_id", "properties"},
				has:     []string{"created_at", "_inserted_at", "is_deleted"},
				objects: []string{"properties"},
			},
		},
	},
	"rudderstack": {doc: "calls of an object storage destination, or a warehouse table", forms: calls, flat: true},
	"segment":     {doc: "calls of the raw logs, or a warehouse table", forms: calls, flat: true},
}

// calls are the columns of calls that keep their nested objects.
var calls = []form{call("userId", "anonymousId"), call("anonymousId", "userId")}

func call(id, other string) form {
	return form{
		needs: []string{"type", id},
		has: []string{other, "event", "name", "category", "previousId", "timestamp", "originalTimestamp", "sentAt",
			"receivedAt", "request_ip", "properties", "traits", "context"},
		objects: []string{"properties", "traits", "context"},
	}
}

// All returns the presets in the order of their names.
func All() []Preset {
	var all []Preset
	for name, e := range exports {
		all = append(all, Preset{Name: name, Doc: e.doc})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// A Source is what SQL has to know about the table source.
type Source struct {
	Names   []string // of the files, or of the table in a database; there may be none
	JSON    bool     // its rows are objects, in _json
	Columns []string // all of them, _row and _file too
}

// SQL returns a SELECT from the table source, whose result has the columns that
// package stage describes. The error is a sentence: it names the presets there
// are, the columns that the export would have, or what else to do.
func SQL(name string, s Source) (string, error) {
	e, ok := exports[name]
	if !ok {
		return "", fmt.Errorf("there is no preset %q; there are %s", name, names())
	}
	have := named(s.Columns)
	if s.JSON {
		return mapping(name, have.lines())
	}
	for _, f := range e.forms {
		if !have.all(f.needs) {
			continue
		}
		if part := have.part(f); part != "" {
			return "", fmt.Errorf("the column %s is a part of an object, and the preset %s needs the whole object: presets.md has a query for such a file", part, name)
		}
		return mapping(name, have.objects(f))
	}
	if e.flat && have.stored() {
		return have.warehouse(name, s.Names)
	}
	advice := "presets.md says which exports it reads, and has queries for others"
	if other := Instead(name, s.Columns); other != "" {
		advice = "They look like an export for -preset " + other
	}
	return "", fmt.Errorf("the preset %s needs %s; the source has the columns %s. %s", name, e.needs(), have.data(), advice)
}

// mapping fills the lines into a preset's SQL.
func mapping(name, lines string) (string, error) {
	b, err := files.ReadFile(name + ".sql")
	if err != nil {
		return "", err
	}
	return strings.Replace(string(b), "{{lines}}", lines, 1), nil
}

func names() string {
	var all []string
	for _, p := range All() {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

// needs says which columns an export has at least.
func (e export) needs() string {
	var forms []string
	for _, f := range e.forms {
		forms = append(forms, strings.Join(f.needs, ", "))
	}
	if e.flat {
		forms = append(forms, "id, user_id and received_at of a warehouse table")
	}
	return "the columns " + strings.Join(forms, "; or ")
}
