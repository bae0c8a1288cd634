package message

import (
	"bytes"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// The properties that the platform gives a meaning, and their values where a row
// does not have its own.
const (
	eventID    = "$event_id"
	lib        = "$lib"
	libVersion = "$lib_version"
	ip         = "$ip"
)

var (
	libMembers = []byte(`"$lib":"altertable-import","$lib_version":"` + altertable.Version + `"`)
	ipMember   = []byte(`"$ip":0`) // else the address of this machine would be the person's
)

// bagRole returns which column has the properties or traits. Where a row of an
// identify has no traits, its properties count.
func (d *draft) bagRole() Role {
	if d.form.endpoint == record.Identify && d.has(Traits) {
		return Traits
	}
	return Properties
}

// has reports whether the row has a value, in a column or in _json.
func (d *draft) has(role Role) bool {
	if text, ok := d.value(role).(string); ok {
		return !isEmpty(text)
	}
	json := d.s.field[role].json
	return d.value(role) != nil || json != nil && !isEmptyJSON(json)
}

// isEmptyBag reports whether a column of properties or traits has none.
func (d *draft) isEmptyBag(i int) bool {
	role := d.m.columns[i].Role
	return (role == Properties || role == Traits) && !d.has(role)
}

func isEmptyJSON(json []byte) bool {
	return string(json) == "null" || json[0] == '"' && isEmpty(string(json[1:len(json)-1]))
}

// isEmpty reports whether a text stands for no members.
func isEmpty(text string) bool {
	text = strings.Trim(text, " \t\r\n")
	return text == "" || text == "null"
}

// readBag reads the members of properties or traits. What is no object stays as
// a text among the members.
func (d *draft) readBag() {
	s := d.s
	role := d.bagRole()
	problem := d.readBagOf(role)
	for i := range s.props {
		if s.props[i].depth > maxDepth {
			problem = first(problem, tooDeep)
		}
		if c, ok := d.m.byName[string(s.props[i].name)]; ok {
			s.taken[c] = true
		}
	}
	if problem != "" {
		d.refuse(fieldNames[role] + " " + problem)
	}
	if c := d.m.role[role]; c >= 0 && (problem == "" || len(s.props) > 0) {
		s.taken[c] = true // it is read
	}
}

func (d *draft) readBagOf(role Role) (problem string) {
	s := d.s
	switch v := d.value(role).(type) {
	case nil:
		f := &s.field[role]
		if problem = d.readBagJSON(f.json); problem == "" {
			f.raw = f.json // it is read
		}
		return problem
	case string:
		if isEmpty(v) {
			return ""
		}
		text := bytes.Trim(append(s.bag[:0], v...), " \t\r\n")
		if d.m.columns[d.m.role[role]].JSON && text[0] == '"' && validate(text) == "" {
			return d.readBagJSON(text)
		}
		return d.readBagText(text)
	case map[string]any, duckdb.OrderedMap:
		c := &d.m.columns[d.m.role[role]]
		s.bag, problem = appendValue(s.bag[:0], v, &c.shape, 0)
		s.props, _ = members(s.props, s.bag)
		if c.shape.kind == duckdb.TYPE_STRUCT {
			s.props = withoutNulls(s.props)
		}
		return problem
	}
	return notObject
}

// readBagText reads a text that should be an object.
func (d *draft) readBagText(text []byte) (problem string) {
	if len(bytes.Trim(text, " \t\r\n")) == 0 { // it was escapes of white space
		return ""
	}
	d.s.bag = text
	if d.s.props, problem = object(d.s.props, text); problem != "" {
		d.s.props = d.s.props[:0]
	}
	return problem
}

// readBagJSON reads an object, or a string that has one.
func (d *draft) readBagJSON(json []byte) (problem string) {
	switch {
	case json == nil || isEmptyJSON(json):
	case json[0] == '{':
		d.s.props, problem = members(d.s.props, json)
	case json[0] == '"':
		return d.readBagText(append([]byte(nil), unquoted(json)...))
	default:
		return notObject
	}
	return problem
}

// withoutNulls leaves out what a STRUCT has for all rows, and this one has not.
func withoutNulls(list []member) []member {
	kept := list[:0]
	for _, m := range list {
		if string(m.value) != "null" {
			kept = append(kept, m)
		}
	}
	return kept
}

// writeBag writes properties or traits, in this order: their own members, columns,
// members of _json, and what the platform knows. A name is taken once.
func (d *draft) writeBag() {
	s := d.s
	begin := len(s.out)
	d.writeName(d.form.bag)
	s.out = append(s.out, '{')
	empty := len(s.out)
	d.markRest()
	if d.form.endpoint == record.Track && !d.own(eventID) {
		d.writeName(eventID)
		s.out = append(s.out, '"')
		d.gap = len(s.out)
		s.out = append(s.out, noID+`"`...)
	}
	for i := range s.props {
		d.writeText(s.props[i].text)
	}
	for _, i := range d.form.members {
		if d.values[i] != nil && !s.taken[i] && !d.isEmptyBag(i) {
			d.writeColumn(i)
		}
	}
	d.writeRest()
	if d.form.endpoint == record.Track {
		d.writeSystem()
	}
	if len(s.out) == empty && d.form.endpoint == record.Identify {
		s.out = s.out[:begin]
		return
	}
	s.out = append(s.out, '}')
}

// writeRest writes the members of _json that are nowhere yet.
func (d *draft) writeRest() {
	for i := range d.s.rest {
		m := &d.s.rest[i]
		if m.elsewhere {
			continue
		}
		if m.depth > maxDepth {
			d.refuse("the row " + tooDeep)
		}
		d.writeText(m.text)
	}
}

func (d *draft) writeSystem() {
	if !d.own(lib) && !d.own(libVersion) {
		d.writeText(libMembers)
	}
	if !d.own(ip) {
		d.writeText(ipMember)
	}
}

// own reports whether the row has a property of that name.
func (d *draft) own(name string) bool {
	if c, ok := d.m.byName[name]; ok && d.values[c] != nil {
		return true
	}
	return hasMember(d.s.props, name) || hasMember(d.s.rest, name)
}

func hasMember(list []member, name string) bool {
	for i := range list {
		if string(list[i].name) == name {
			return true
		}
	}
	return false
}

// markRest notes which members of _json do not become properties or traits: they
// are elsewhere, or their name is taken.
func (d *draft) markRest() {
	rest := d.s.rest
	if len(rest) == 0 {
		return
	}
	known := namesOf(d.s.props)
	for i := range rest {
		m := &rest[i]
		m.elsewhere = d.isField(m) || d.isColumn(m.name) || known(m.name)
	}
}

// isField reports whether the member of _json is in the message already.
func (d *draft) isField(m *member) bool {
	role := RoleOf(m.name)
	switch role {
	case Other:
		return false
	case Properties, Traits:
		return d.s.field[role].raw != nil || isEmptyJSON(m.value)
	}
	return !d.form.isMember(role)
}

// isColumn reports whether a column has that name, and a value: SQL was written
// to say so.
func (d *draft) isColumn(name []byte) bool {
	c, ok := d.m.byName[string(name)]
	return ok && d.values[c] != nil
}

// namesOf returns whether a list has a name.
func namesOf(list []member) func(name []byte) bool {
	const few = 16
	if len(list) <= few {
		return func(name []byte) bool {
			for i := range list {
				if bytes.Equal(list[i].name, name) {
					return true
				}
			}
			return false
		}
	}
	names := make(map[string]bool, len(list))
	for i := range list {
		names[string(list[i].name)] = true
	}
	return func(name []byte) bool { return names[string(name)] }
}

// writeText writes a member that is in JSON already.
func (d *draft) writeText(text []byte) {
	if out := d.s.out; out[len(out)-1] != '{' {
		d.s.out = append(out, ',')
	}
	d.s.out = append(d.s.out, text...)
}
