package survey

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

const (
	mostMembers = 40 // of a row that is shown
	mostShown   = 60 // columns of a value that is shown
)

// A shown is a row as it would be sent.
type shown struct {
	at              place
	endpoint, event string
	members         []member
	inner           string   // the member whose members are the next ones: properties or traits
	innerMembers    []member // of it
	left            int      // members of which there is no room
}

// A member is a member of a JSON object.
type member struct {
	name, kind string
	value      string // JSON, cut
}

func look(row *record.Row) shown {
	s := shown{at: place{row.File, row.Number}, endpoint: row.Endpoint, event: row.Event}
	s.members = s.read(row.Message, true)
	return s
}

func (s *shown) read(object []byte, outer bool) []member {
	d := decoder(object)
	var members []member
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			break
		}
		name := strings.Clone(token.String())
		value, err := d.ReadValue()
		if err != nil {
			break
		}
		switch {
		case outer && value.Kind() == '{' && (name == "properties" || name == "traits"):
			s.inner = name
			s.innerMembers = s.read(bytes.Clone(value), false)
		case len(members) >= mostMembers:
			s.left++
		default:
			members = append(members, member{name, kind(value), string(value[:min(len(value), 4*mostShown)])})
		}
	}
	return members
}

func kind(value jsontext.Value) string {
	switch value.Kind() {
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	case '[':
		return "array"
	}
	return "object"
}

func decoder(object []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

var (
	environmentMember = []byte(`"environment"`)
	environmentFirst  = []byte(`{"environment":"`)
)

// environment returns the member of that name.
func environment(object []byte) []byte {
	if rest, ok := bytes.CutPrefix(object, environmentFirst); ok { // as package message writes it
		if end := bytes.IndexAny(rest, `"\\`); end >= 0 && rest[end] == '"' {
			return rest[:end]
		}
	}
	return []byte(parsedEnvironment(object))
}

func parsedEnvironment(object []byte) string {
	if !bytes.Contains(object, environmentMember) {
		return ""
	}
	d := decoder(object)
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return ""
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return ""
		}
		if token.String() != "environment" {
			if d.SkipValue() != nil {
				return ""
			}
			continue
		}
		if token, err = d.ReadToken(); err != nil || token.Kind() != '"' {
			return ""
		}
		return token.String()
	}
	return ""
}
