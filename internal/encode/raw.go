package encode

import (
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// appendRaw appends JSON that is already there, without white space, and with
// strings escaped as elsewhere.
func appendRaw(dst []byte, raw json.RawMessage, limit, depth int) ([]byte, error) {
	switch {
	case raw == nil:
		return append(dst, "null"...), nil
	case !json.Valid(raw):
		return dst, errInvalidRaw
	}
	return appendCompact(dst, raw, limit, depth)
}

// appendCompact is appendRaw for valid JSON. It knows what encoding/json lets
// pass and the server's parser does not take.
func appendCompact(dst, raw []byte, limit, depth int) (_ []byte, err error) {
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case ' ', '\t', '\n', '\r':
			i++
			continue
		case '"':
			dst, i, err = appendRawString(dst, raw, i, limit)
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			dst, i, err = appendRawNumber(dst, raw, i, limit)
		case '[', '{':
			if depth > maxDepth {
				return dst, errTooDeep
			}
			depth += oneLevel
			dst, i = append(dst, c), i+1
		case ']', '}':
			depth -= oneLevel
			dst, i = append(dst, c), i+1
		default: // a comma, a colon, or a letter of true, false or null
			dst, i = append(dst, c), i+1
		}
		if err != nil {
			return dst, err
		}
		if len(dst) > limit {
			return dst, ErrTooLarge
		}
	}
	return dst, nil
}

// appendRawNumber appends the number that begins at i, and returns where it ends.
func appendRawNumber(dst, raw []byte, i, limit int) ([]byte, int, error) {
	begin, exponent := i, false
	for ; i < len(raw) && isInNumber(raw[i]); i++ {
		exponent = exponent || raw[i] == 'e' || raw[i] == 'E'
	}
	switch {
	case len(dst)+i-begin > limit:
		return dst, i, ErrTooLarge
	case (exponent || i-begin > maxWhole) && !isInRange(string(raw[begin:i])):
		return dst, i, errHugeNumber
	}
	return append(dst, raw[begin:i]...), i, nil
}

// isInNumber reports whether numbers in JSON have the byte c.
func isInNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'
}

// appendRawString appends the string that begins at i, and returns where it ends.
func appendRawString(dst, raw []byte, i, limit int) ([]byte, int, error) {
	begin := i // of what is not yet appended
	for i++; raw[i] != '"'; {
		if plain[raw[i]] {
			i++
			continue
		}
		size, spelling := respelled(raw[i:])
		if spelling != "" {
			dst = append(append(dst, raw[begin:i]...), spelling...)
			begin = i + size
		}
		if i += size; len(dst)+i-begin > limit {
			return dst, i, ErrTooLarge
		}
	}
	i++
	if len(dst)+i-begin > limit {
		return dst, i, ErrTooLarge
	}
	return append(dst, raw[begin:i]...), i, nil
}

// respelled returns the size of the character at the begin of s, and how to
// spell it if it cannot stay as it is. Half of a surrogate pair is not a
// character: the server refuses the whole request for it.
func respelled(s []byte) (size int, spelling string) {
	switch c := s[0]; {
	case c == '\\' && s[1] != 'u':
		return len(`\n`), ""
	case c == '\\':
		half := hexRune(s[2:6])
		switch {
		case !utf16.IsSurrogate(half):
			return len(`\u0000`), ""
		case s[6] == '\\' && s[7] == 'u' && utf16.DecodeRune(half, hexRune(s[8:12])) != utf8.RuneError:
			return len(`\u0000\u0000`), ""
		}
		return len(`\u0000`), `\ufffd`
	case c == '<':
		return 1, `\u003c`
	case c == '>':
		return 1, `\u003e`
	case c == '&':
		return 1, `\u0026`
	}
	r, size := utf8.DecodeRune(s)
	switch {
	case r == utf8.RuneError && size == 1:
		return size, `\ufffd`
	case r == '\u2028':
		return size, `\u2028`
	case r == '\u2029':
		return size, `\u2029`
	}
	return size, ""
}

// hexRune returns the rune of four hexadecimal digits.
func hexRune(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits), 16, 16) // they were checked before
	return rune(n)
}
