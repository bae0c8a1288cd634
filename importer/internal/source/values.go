package source

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// values reads a JSON file value by value: the elements of an array, or objects
// one after the other. It finds where each ends; whether it is JSON is looked at
// where its message is made.
type values struct {
	w     *window
	array bool
	begun bool
	n     int64
}

// next returns a value, or io.EOF. Its newlines are white space.
func (v *values) next() (rec record, err error) {
	w := v.w
	if !v.begun {
		v.begun = true
		if v.space(""); v.array {
			w.advance(1)
		}
	}
	v.space(",")
	switch c := w.at(0); {
	case !w.have(1) && w.err != io.EOF:
		return rec, w.err
	case !w.have(1) && v.array:
		return rec, fmt.Errorf("its array has no end: is it cut off behind value %d?", v.n)
	case !w.have(1):
		return rec, io.EOF
	case c == ']' && v.array:
		w.advance(1)
		if v.space(""); w.have(1) {
			return rec, fmt.Errorf("text follows its array: is it several files in one?")
		}
		return rec, w.err
	case c == ']' || c == '}':
		return rec, fmt.Errorf("a %c that opens nowhere follows value %d", c, v.n)
	}
	v.n++
	return v.value()
}

// space goes on behind white space, and separators.
func (v *values) space(separators string) {
	for v.w.have(1) {
		c := v.w.at(0)
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' && strings.IndexByte(separators, c) < 0 {
			return
		}
		v.w.advance(1)
	}
}

func (v *values) value() (rec record, err error) {
	w, b := v.w, balance{}
	rec.odd = true
	for p := 0; ; {
		for i, c := range w.bytes(min(len(w.rest()), maxLine+1))[p:] {
			if b.ends(c) {
				rec.text = w.bytes(p + i)
				w.advance(p + i)
				return rec, nil
			}
			if b.add(c) {
				rec.text = w.bytes(p + i + 1)
				w.advance(p + i + 1)
				return rec, nil
			}
		}
		p = min(len(w.rest()), maxLine+1)
		switch {
		case p > maxLine:
			return v.long(b)
		case w.have(p + 1):
		case w.err != io.EOF:
			return rec, w.err
		case b.depth > 0 || b.text:
			return rec, fmt.Errorf("value %d has no end: is it cut off, or does a quote or a bracket not close?", v.n)
		default:
			rec.text = w.bytes(p)
			w.advance(p)
			return rec, nil
		}
	}
}

// long goes on behind a value that is too long.
func (v *values) long(b balance) (record, error) {
	w := v.w
	rec := record{text: bytes.Clone(w.bytes(keptOfLong)), torn: tornLong}
	w.advance(maxLine + 1)
	for w.have(1) {
		c := w.at(0)
		if b.ends(c) {
			return rec, nil
		}
		w.advance(1)
		if b.add(c) {
			return rec, nil
		}
	}
	if w.err != io.EOF {
		return rec, w.err
	}
	return rec, fmt.Errorf("value %d has no end: does a quote or a bracket not close?", v.n)
}

// A balance knows how deep in a value its reader is.
type balance struct {
	depth        int
	text, escape bool
}

// add takes a byte, and reports whether an object, an array or a string ends with
// it, and the value with that.
func (b *balance) add(c byte) bool {
	switch {
	case b.escape:
		b.escape = false
	case b.text && c == '\\':
		b.escape = true
	case b.text && c != '"':
	case c == '"':
		b.text = !b.text
		return !b.text && b.depth == 0
	case c == '{' || c == '[':
		b.depth++
	case c == '}' || c == ']':
		b.depth--
		return b.depth <= 0
	}
	return false
}

// ends reports whether a number or a word ends before c.
func (b *balance) ends(c byte) bool {
	return b.depth == 0 && !b.text && strings.IndexByte(" \t\r\n,]}", c) >= 0
}
