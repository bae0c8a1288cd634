package survey

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// A member is a member of a JSON object.
type member struct {
	name, kind string
	value      string // JSON, cut
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

// eachMember calls visit with the members of a JSON object in their order, until it
// returns false. Of an object that is cut off, the last value is what is left of it,
// and whole is false. A value is overwritten by the next one.
func eachMember(object []byte, visit func(name string, value jsontext.Value, whole bool) bool) {
	d := decoder(object)
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return
		}
		name, start := token.String(), d.InputOffset()
		value, err := d.ReadValue()
		if err != nil {
			value = bytes.TrimLeft(object[start:], ": \t\r\n")
		}
		if !visit(name, value, err == nil) || err != nil {
			return
		}
	}
}
