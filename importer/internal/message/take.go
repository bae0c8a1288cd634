package message

import (
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// take checks a message that is sent as it is, except for an $event_id that a track
// may lack: a reject that was mended, a dead letter.
func (d *draft) take(row *Mapped, message string) {
	s := d.s
	var ok bool
	if row.Endpoint, ok = endpointOf(d.text(Endpoint), d.m.o.As); !ok {
		d.refuse(badEndpoint)
	}
	text := strings.Trim(message, " \t\r\n")
	s.line = append(s.line[:0], text...)
	if strings.HasPrefix(text, `"`) && validate(s.line) == "" {
		d.refuse("the message is still a text: make it a JSON object")
		row.Message = s.keep(s.line)
		return
	}
	list, problem := object(s.rest, s.line)
	s.rest = list
	if problem != "" {
		d.refuse("the message " + problem)
		row.Message = d.quoted(text)
		return
	}
	row.Message = s.keep(s.line)
	d.checkTaken(row, list)
}

// checkTaken checks the members, and then what the SDK checks.
func (d *draft) checkTaken(row *Mapped, list []member) {
	s := d.s
	for i := range list {
		m := &list[i]
		role := RoleOf(m.name)
		if string(m.value) != "null" {
			s.field[role].json = m.value
		}
		switch {
		case m.depth > maxDepth+1:
			d.refuse("the message " + tooDeep)
		case string(m.name) == "session_id" && m.value[0] != '"' && m.value[0] != 'n' && row.Endpoint == record.Track:
			d.refuse("session_id " + notText)
		}
	}
	row.Event, row.Person = d.taken(Event), d.taken(DistinctID)
	switch {
	case row.Endpoint == record.Track && s.field[Event].json == nil:
		d.refuse("no event")
	case s.field[DistinctID].json == nil:
		d.refuse("no distinct_id")
	case row.Endpoint == record.Alias && s.field[NewUserID].json == nil:
		d.refuse("no new_user_id")
	case row.Endpoint == record.Track && s.field[Timestamp].json == nil:
		d.refuse("no timestamp")
	}
	if d.reason != "" {
		return
	}
	if _, reason := d.m.refusal(row.Endpoint, row.Message); reason != "" {
		d.refuse(reason)
		return
	}
	if _, bad := d.value(BadTime).(string); bad { // an offset of 20 hours, say, which the SDK takes
		d.refuse(badTime)
		return
	}
	if row.Endpoint == record.Track {
		d.leaveGap(row, list)
	}
}

// leaveGap makes room for the $event_id of a track whose properties have none.
func (d *draft) leaveGap(row *Mapped, list []member) {
	s := d.s
	i := slices.IndexFunc(list, func(m member) bool { return RoleOf(m.name) == Properties })
	properties, _ := object(nil, list[i].value)
	if slices.ContainsFunc(properties, func(m member) bool { return string(m.name) == eventID }) {
		return
	}
	inside := list[i].at + 1
	s.out = append(s.out[:0], s.line[:inside]...)
	s.out = append(s.out, `"`+eventID+`":"`...)
	d.gap = len(s.out)
	s.out = append(s.out, noID+`"`...)
	if len(properties) > 0 {
		s.out = append(s.out, ',')
	}
	s.out = append(s.out, s.line[inside:]...)
	row.Message = s.keep(s.out)
}

// taken returns the text of a field.
func (d *draft) taken(role Role) string {
	if json := d.s.field[role].json; json != nil && json[0] == '"' {
		return string(unquoted(json))
	}
	return ""
}
