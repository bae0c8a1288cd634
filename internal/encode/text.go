package encode

import (
	"time"
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
	n := 0
	for n < len(s) && plain[s[n]] {
		n++
	}
	dst = append(dst, '"')
	dst = append(dst, s[:n]...)
	if n < len(s) {
		dst = appendEscaped(dst, s[n:])
	}
	return append(dst, '"')
}

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

// Timestamp appends an instant in quotes, in UTC with milliseconds, or
// microseconds where they are not zero. The year is 1 to 9999.
func Timestamp(dst []byte, unixMicro int64) []byte {
	t := time.UnixMicro(unixMicro).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(append(dst, '"'), year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	micros := t.Nanosecond() / 1000
	if micros%1000 == 0 {
		dst = appendDigits(append(dst, '.'), micros/1000, 3)
	} else {
		dst = appendDigits(append(dst, '.'), micros, 6)
	}
	return append(dst, 'Z', '"')
}

// appendDigits appends n, zero-padded to width.
func appendDigits(dst []byte, n, width int) []byte {
	end := len(dst) + width
	dst = append(dst, "000000"[:width]...)
	for i := end - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}
