package source

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// The encodings of text.
const (
	utf8Encoding   = "utf-8"
	utf16Encoding  = "utf-16" // little endian without a byte order mark
	utf16BEncoding = "utf-16be"
	latinEncoding  = "latin-1"
)

// findEncoding decides by what the user says and by the first bytes, and makes
// the head UTF-8.
func (f *file) findEncoding(said string) error {
	marked, unmarked := markedUTF16(f.head), unmarkedUTF16(f.head)
	switch {
	case marked != "" && said != latinEncoding:
		f.encoding = marked
	case unmarked != "" && said == "":
		return fmt.Errorf("%s is UTF-16 that does not say so: read it with -encoding utf-16", f.name)
	case unmarked != "" && said == utf16Encoding:
		f.encoding = unmarked
	case said == "" && !validHead(f.head, f.whole) && bytes.ContainsFunc(firstLine(f.head), isBinary):
		return f.notText()
	case said == "" && !validHead(f.head, f.whole):
		return fmt.Errorf("%s is not UTF-8 text: read it with -encoding latin-1 if it is from an older Windows or Excel, or with -encoding utf-8 to refuse the rows that are not", f.name)
	case said == "":
		f.encoding = utf8Encoding
	case said == utf8Encoding, said == utf16Encoding, said == latinEncoding:
		f.encoding = said
	default:
		return fmt.Errorf("-encoding %s: it is utf-8, utf-16 or latin-1", said)
	}
	if f.encoding != utf8Encoding {
		// What is cut in the middle of a character ends there.
		f.head, _ = io.ReadAll(decode(bytes.NewReader(f.head), f.encoding))
	}
	return nil
}

// markedUTF16 is the encoding of UTF-16 with a byte order mark, and "" for other text.
func markedUTF16(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return utf16Encoding
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return utf16BEncoding
	}
	return ""
}

// unmarkedUTF16 is the encoding of UTF-16 without a byte order mark, and "" for other
// text. A NUL is half of each ASCII character there: of the ends of lines, and of some
// in the first line.
func unmarkedUTF16(head []byte) string {
	wide := map[string]int{}
	for i := 0; i+1 < len(head); i += 2 {
		switch a, b := head[i], head[i+1]; {
		case isEnd(a) && b == 0:
			wide[utf16Encoding]++
		case a == 0 && isEnd(b):
			wide[utf16BEncoding]++
		}
	}
	ends := bytes.Count(head, []byte{'\n'}) + bytes.Count(head, []byte{'\r'})
	for encoding, n := range wide {
		if 4*n > 3*ends && bytes.IndexByte(firstLine(head), 0) >= 0 {
			return encoding
		}
	}
	return ""
}

func isEnd(b byte) bool { return b == '\n' || b == '\r' }

// firstLine is it without its end.
func firstLine(head []byte) []byte {
	if i := bytes.IndexAny(head, "\r\n"); i >= 0 {
		return head[:i]
	}
	return head
}

// isBinary reports whether a character is in no text, whatever its encoding. Ctrl-A is
// between the columns of some files.
func isBinary(r rune) bool { return r < ' ' && r != '\t' && r != 1 }

// validHead reports whether it is UTF-8, except for a character that is cut off
// at its end.
func validHead(head []byte, whole bool) bool {
	if !whole {
		for i := 1; i <= utf8.UTFMax && i <= len(head); i++ {
			if utf8.RuneStart(head[len(head)-i]) {
				if !utf8.FullRune(head[len(head)-i:]) {
					head = head[:len(head)-i]
				}
				break
			}
		}
	}
	return utf8.Valid(head)
}

// decode makes UTF-8 of what in has.
func decode(in io.Reader, encoding string) io.Reader {
	if encoding == utf8Encoding || encoding == "" {
		return in
	}
	return &decoder{in: bufio.NewReaderSize(in, 1<<16), encoding: encoding}
}

type decoder struct {
	in       *bufio.Reader
	encoding string
	rest     []byte // decoded, and not read
	unit     rune   // read ahead, if not 0
	err      error
}

func (d *decoder) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		d.rest = d.rest[:0:cap(d.rest)]
		for len(d.rest) < 1<<15 && d.err == nil {
			var r rune
			if r, d.err = d.next(); d.err == nil {
				d.rest = utf8.AppendRune(d.rest, r)
			}
		}
		if len(d.rest) == 0 {
			return 0, d.err
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *decoder) next() (rune, error) {
	if d.encoding == latinEncoding {
		b, err := d.in.ReadByte()
		if b >= 0x80 && b < 0xa0 {
			return windows1252[b-0x80], err
		}
		return rune(b), err
	}
	r, err := d.utf16()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	low, err := d.utf16()
	if err != nil && err != io.EOF {
		return 0, err
	}
	pair := utf16.DecodeRune(r, low)
	if pair == utf8.RuneError && err == nil {
		d.unit = low
	}
	return pair, nil
}

// utf16 returns a unit. Half a unit at the end counts for nothing.
func (d *decoder) utf16() (rune, error) {
	if r := d.unit; r != 0 {
		d.unit = 0
		return r, nil
	}
	a, err := d.in.ReadByte()
	if err != nil {
		return 0, err
	}
	b, err := d.in.ReadByte()
	if d.encoding == utf16BEncoding {
		a, b = b, a
	}
	return rune(a) | rune(b)<<8, err
}

// windows1252 is what files that are called Latin-1 mean by 0x80 to 0x9f, where
// Latin-1 has control characters.
var windows1252 = [32]rune{
	'\u20ac', '\u0081', '\u201a', '\u0192', '\u201e', '\u2026', '\u2020', '\u2021',
	'\u02c6', '\u2030', '\u0160', '\u2039', '\u0152', '\u008d', '\u017d', '\u008f',
	'\u0090', '\u2018', '\u2019', '\u201c', '\u201d', '\u2022', '\u2013', '\u2014',
	'\u02dc', '\u2122', '\u0161', '\u203a', '\u0153', '\u009d', '\u017e', '\u0178',
}
