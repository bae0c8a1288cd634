package message

import (
	"bytes"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/internal/encode"
)

var fieldNames = [roles]string{Event: "event", DistinctID: "distinct_id", AnonymousID: "anonymous_id", DeviceID: "device_id",
	NewUserID: "new_user_id", Environment: "environment", Timestamp: "timestamp", Properties: "properties", Traits: "traits",
	Endpoint: "endpoint"}

// Name returns the role's name in a message, "" for one that is in none.
func (r Role) Name() string { return fieldNames[r] }

// readLine reads _json. It reports false if that is no object.
func (d *draft) readLine(line string) bool {
	s := d.s
	s.line = append(s.line[:0], line...)
	list, problem := object(s.rest, s.line)
	s.rest = list
	if problem != "" {
		d.refuse("the row " + problem)
		return false
	}
	for _, m := range list {
		if role := RoleOf(m.name); role != Other {
			s.field[role].json = m.value
		}
	}
	return true
}

// readEndpoint returns what the row names.
func (d *draft) readEndpoint() string {
	f := &d.s.field[Endpoint]
	if problem := d.readText(Endpoint, f); problem != "" {
		return notText
	}
	return f.text
}

// readFields reads what is beside properties and traits, and says what is missing.
func (d *draft) readFields() {
	s := d.s
	for _, role := range d.form.fields {
		d.readField(role)
	}
	if f := &s.field[Environment]; !f.given() {
		f.text = d.m.o.Environment
	}
	id, anonymous := &s.field[DistinctID], &s.field[AnonymousID]
	if d.form.endpoint == record.Track && !id.given() && anonymous.given() {
		*id, *anonymous = *anonymous, field{}
	}
	if d.form.endpoint == record.Track && !s.field[Event].given() {
		d.refuse("no event")
	}
	if !id.given() {
		d.refuse("no distinct_id")
	}
	if d.form.endpoint == record.Alias && !s.field[NewUserID].given() {
		d.refuse("no new_user_id")
	}
	d.checkTime()
	if anonymous.text == id.text {
		anonymous.text = ""
	}
}

func (d *draft) readField(role Role) {
	f := &d.s.field[role]
	if problem := d.readText(role, f); problem != "" {
		d.refuse(fieldNames[role] + " " + problem)
	}
}

// readText reads a column, or the member of _json if that is NULL.
func (d *draft) readText(role Role, f *field) (problem string) {
	v := d.value(role)
	if v == nil {
		return d.readMember(role, f)
	}
	c := &d.m.columns[d.m.role[role]]
	if text, ok := v.(string); ok && c.JSON {
		if _, problem = value([]byte(text)); problem != "" {
			f.raw = encode.String(nil, text)
			return problem
		}
		f.json = bytes.Trim([]byte(text), " \t\r\n")
		return d.readMember(role, f)
	}
	if f.text, problem = textOf(v, &c.shape); problem != "" {
		f.raw, _ = appendValue(nil, v, &c.shape, 0)
	}
	return problem
}

func (d *draft) readMember(role Role, f *field) (problem string) {
	switch {
	case f.json == nil:
	case role == Event && f.json[0] == '"':
		f.text = d.s.name(unquoted(f.json))
	default:
		if f.text, problem = jsonText(f.json); problem != "" {
			f.raw = f.json
		}
	}
	return problem
}

// checkTime decides whether the message has a timestamp.
func (d *draft) checkTime() {
	f := &d.s.field[Timestamp]
	if d.form.endpoint == record.Identify && d.m.o.TraitsNow {
		d.at = record.NoTime
		return
	}
	if d.at != record.NoTime {
		d.timed = true
		return
	}
	if bad, ok := d.value(BadTime).(string); ok {
		d.refuse(badTime)
		f.raw, d.timed = encode.String(nil, bad), true
	}
	if f.json != nil && string(f.json) != "null" {
		f.raw, d.timed = f.json, true
	} else if d.form.endpoint == record.Track && !d.timed {
		d.refuse("no timestamp")
	}
}

// writeHead writes all that is in front of properties and traits, and asks the SDK
// what it says to that. The timestamp that is made here needs no check.
func (d *draft) writeHead() {
	for {
		d.writeFields()
		if d.reason != "" || d.isForEnqueue() || d.passes() {
			break
		}
	}
	if d.at != record.NoTime {
		d.writeName(fieldNames[Timestamp])
		d.s.out = encode.Timestamp(d.s.out, d.at)
	}
}

// isForEnqueue reports whether Enqueue will refuse what passes would. An optional id
// that identifies nobody is left out before that.
func (d *draft) isForEnqueue() bool {
	return d.m.o.Enqueued && d.s.field[AnonymousID].text == "" && d.s.field[DeviceID].text == ""
}

// passes reports false after it left out an optional id that identifies nobody.
func (d *draft) passes() bool {
	s := d.s
	head := len(s.out)
	s.out = append(s.out, d.form.tail...)
	name, reason := d.m.refusal(d.form.endpoint, s.out)
	s.out = s.out[:head]
	var optional *field
	switch {
	case reason == "":
		return true
	case name == fieldNames[AnonymousID]:
		optional = &s.field[AnonymousID]
	case name == fieldNames[DeviceID]:
		optional = &s.field[DeviceID]
	}
	if optional == nil || !d.m.isNobody(optional.text) {
		d.refuse(reason)
		return true
	}
	*optional = field{}
	return false
}

func (d *draft) writeFields() {
	s := d.s
	s.out = append(s.out[:0], '{')
	for _, role := range d.form.fields {
		switch f := &s.field[role]; {
		case f.raw != nil:
			d.writeName(fieldNames[role])
			s.out = append(s.out, f.raw...)
		case f.text != "":
			d.writeName(fieldNames[role])
			s.out = encode.String(s.out, f.text)
		}
	}
	if raw := s.field[Timestamp].raw; raw != nil {
		d.writeName(fieldNames[Timestamp])
		s.out = append(s.out, raw...)
	}
}

// writeName begins a member.
func (d *draft) writeName(name string) {
	if out := d.s.out; out[len(out)-1] != '{' {
		d.s.out = append(out, ',')
	}
	d.s.out = append(append(append(d.s.out, '"'), name...), '"', ':')
}
