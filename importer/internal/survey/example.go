package survey

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// mostExample is how many bytes of a refused row are kept. They fill a line.
const mostExample = 4 << 10

// An example is a row that is refused.
type example struct {
	place
	message []byte // the beginning of it
}

// text is the row as it was read: the text of one that is no message, and else its
// values by their names, without what the importer adds. usual is the environment of
// rows that name none.
func (e *example) text(usual string) string {
	message := bytes.TrimSpace(e.message)
	if len(message) == 0 || message[0] != '{' {
		if text, _ := jsontext.AppendUnquote(nil, message); len(text) > 0 {
			return string(text)
		}
		return string(message)
	}
	var parts []string
	for _, m := range values(message, true) {
		if m.name == "environment" && m.value == `"`+usual+`"` {
			continue
		}
		parts = append(parts, m.name+": "+m.value)
	}
	return strings.Join(parts, ", ")
}

// values are the members of an object, and in their place those of its properties or
// traits. The object may be cut off: then the last one has what is left.
func values(object []byte, outer bool) []member {
	var all []member
	eachMember(object, func(name string, value jsontext.Value, _ bool) bool {
		if outer && len(value) > 0 && value[0] == '{' && (name == "properties" || name == "traits") {
			all = append(all, values(value, false)...)
		} else {
			all = append(all, member{name: name, value: string(value)})
		}
		return true
	})
	if !outer {
		all = withoutAdded(all)
	}
	return all
}

// withoutAdded takes out what the importer adds to properties, which have its name.
func withoutAdded(members []member) []member {
	if !slices.ContainsFunc(members, func(m member) bool { return m.name == "$lib" && m.value == `"altertable-import"` }) {
		return members
	}
	return slices.DeleteFunc(members, func(m member) bool {
		return m.name == "$lib" || m.name == "$lib_version" || m.name == "$event_id" || m.name == "$ip" && m.value == "0"
	})
}
