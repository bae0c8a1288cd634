package stage

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// messageOf returns the member message of a line of rejects, byte for byte: what
// is imported again is what was refused, down to the digits. Of a line without
// one it returns the line, which package message refuses.
func messageOf(line string) string {
	d := jsontext.NewDecoder(bytes.NewBufferString(line), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return line
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return line
		}
		isMessage := name.String() == "message"
		value, err := d.ReadValue()
		if err != nil {
			return line
		}
		if isMessage {
			return string(value)
		}
	}
	return line
}
