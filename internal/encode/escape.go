package encode

import (
	"unicode/utf16"
	"unicode/utf8"
)

// UnicodeEscape returns the character of the \u escape, or the pair of them, at the
// begin of s, and its size, 0 if it is none.
func UnicodeEscape(s []byte) (r rune, size int) {
	const single = len(`\u0000`)
	r, ok := hex4(s)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, single
	}
	low, ok := hex4(s[single:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 2 * single
}

// hex4 returns the number in the \u escape at the begin of s.
func hex4(s []byte) (r rune, ok bool) {
	if len(s) < len(`\u0000`) || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
