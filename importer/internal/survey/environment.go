package survey

import (
	"bytes"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

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

func parsedEnvironment(object []byte) (name string) {
	if !bytes.Contains(object, environmentMember) {
		return ""
	}
	eachMember(object, func(member string, value jsontext.Value, whole bool) bool {
		if !whole || member != "environment" {
			return whole
		}
		if value.Kind() == '"' {
			text, _ := jsontext.AppendUnquote(nil, value)
			name = string(text)
		}
		return false
	})
	return name
}

func (v *Survey) environment(name []byte) {
	if len(name) == 0 {
		name = v.usual
	}
	n := v.environments[string(name)]
	if n == nil {
		if len(v.environments) == mostEnvironments {
			return
		}
		n = new(int64)
		v.environments[string(name)] = n
	}
	*n++
}

// Environments are those of the messages that would be sent, sorted.
func (v *Survey) Environments() []string { return slices.Sorted(maps.Keys(v.environments)) }
