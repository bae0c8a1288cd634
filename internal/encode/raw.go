package encode

import (
	"encoding/json"
	"unicode/utf8"
)

// appendRaw appends JSON that is already there, without white space, and with
// strings escaped as elsewhere.
func appendRaw(dst []byte, raw json.RawMessage, limit int) ([]byte, error) {
	switch {
	case raw == nil:
		return append(dst, "null"...), nil
	case !json.Valid(raw):
		return dst, errInvalidRaw
	}
	return appendCompact(dst, raw, limit)
}

// appendCompact is appendRaw for valid JSON.
func appendCompact(dst, raw []byte, limit int) ([]byte, error) {
	quoted, escaped := false, false
	for i := 0; i < len(raw) && len(dst) <= limit; i++ {
		c := raw[i]
		switch {
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		case escaped:
			escaped = false
		case c == '"':
			quoted = !quoted
		case c == '\\':
			escaped = true
		case c == '<', c == '>', c == '&', c >= utf8.RuneSelf:
			_, size := utf8.DecodeRune(raw[i:])
			dst = appendEscaped(dst, string(raw[i:i+size]))
			i += size - 1
			continue
		}
		dst = append(dst, c)
	}
	if len(dst) > limit {
		return dst, ErrTooLarge
	}
	return dst, nil
}
