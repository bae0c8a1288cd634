package encode

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// plain says which bytes stand for themselves in a JSON string. As in
// encoding/json, those that HTML reads are not among them.
var plain = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = true
	}
	for _, c := range `"\<>&` {
		table[c] = false
	}
	return table
}()

// String appends s in quotes. Invalid UTF-8 becomes U+FFFD.
func String(dst []byte, s string) []byte {
	begin, end := len(dst), len(dst)+len(s)+2
	dst = slices.Grow(dst, len(s)+2)
	quoted := dst[begin:end]
	quoted[0], quoted[len(quoted)-1] = '"', '"'
	text := quoted[1:]
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := word(s[i : i+8])
		if !isPlain(w) {
			break
		}
		binary.LittleEndian.PutUint64(text[i:i+8], w)
	}
	for ; i < len(s); i++ { // names and values are short: a call of copy costs more
		if !plain[s[i]] {
			return append(appendEscaped(dst[:begin+1+i], s[i:]), '"')
		}
		text[i] = s[i]
	}
	return dst[:end]
}

// word returns the eight bytes of s. The compiler makes one load of it.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// isPlain is the table of the same name for eight bytes at once. The sums set
// the highest bit of each byte that is at least 0x20 and none of > < & " \.
// A byte above 0x7f may carry into the next one, but fails by its own highest bit.
func isPlain(w uint64) bool {
	const each = 0x0101010101010101
	plain := (w + 0x60*each) &
		((w | 2*each) ^ '>'*each + 0x7f*each) & // '<' is '>' without the bit 2
		((w | 4*each) ^ '&'*each + 0x7f*each) & // '"' is '&' without the bit 4
		(w ^ '\\'*each + 0x7f*each)
	return plain&^w&(0x80*each) == 0x80*each
}

// appendText is String for texts that may be huge.
func appendText(dst []byte, s string, limit, _ int) ([]byte, error) {
	if len(dst)+len(s) > limit {
		return dst, ErrTooLarge
	}
	return String(dst, s), nil
}

// appendEscaped appends s without quotes.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	begin := 0 // of what is not yet appended
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[begin:i]...)
			if short := shortEscapes[c]; short != 0 {
				dst = append(dst, '\\', short)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			begin = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[begin:i]...), `\ufffd`...)
			begin = i + size
		case r == '\u2028' || r == '\u2029': // line ends to JavaScript
			dst = append(append(dst, s[begin:i]...), `\u202`...)
			dst = append(dst, hex[r&15])
			begin = i + size
		}
		i += size
	}
	return append(dst, s[begin:]...)
}

var shortEscapes = [utf8.RuneSelf]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}
