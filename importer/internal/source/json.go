package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func (s *Source) findJSON() error {
	s.JSON = true
	var selects []string
	for i := range s.files {
		f := &s.files[i]
		if err := f.prepareJSON(s.spec); err != nil {
			return err
		}
		format := "unstructured"
		if f.array {
			format = "array"
		}
		selects = append(selects, fmt.Sprintf("SELECT row_number() OVER () AS _row, %stranslate(json::VARCHAR, chr(10) || chr(13), '  ') AS _json\nFROM read_json_objects(%s, format = '%s', compression = '%s')",
			s.fileColumn(f), duck.Quote(f.path), format, f.compression))
	}
	s.Raw = isRaw(s.files[0].firstObject())
	s.SQL = strings.Join(selects, "\nUNION ALL\n")
	s.loader = loadText
	return nil
}

// prepareJSON looks at the beginning of a file of JSON.
func (f *file) prepareJSON(spec Spec) error {
	switch {
	case spec.Delimiter != "":
		return errors.New("-delimiter is for CSV, and " + f.path + " is JSON")
	case bytes.HasPrefix(f.head, []byte{0xff, 0xfe}), bytes.HasPrefix(f.head, []byte{0xfe, 0xff}):
		f.encoding = utf16Encoding
		if f.head[0] == 0xfe {
			f.encoding = utf16BEncoding
		}
		f.head, _ = io.ReadAll(decode(bytes.NewReader(f.head), f.encoding))
	case spec.Encoding != "" && !strings.EqualFold(spec.Encoding, utf8Encoding):
		return errors.New("-encoding is for CSV: JSON is UTF-8")
	default:
		f.encoding = utf8Encoding
	}
	f.newline = '\n'
	text := f.text()
	if len(text) == 0 {
		return fmt.Errorf("%s has nothing but white space", f.path)
	}
	f.array = text[0] == '['
	return nil
}

// text is the head without a byte order mark, from the first character that is no
// white space.
func (f *file) text() []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(f.head, []byte("\ufeff")), " \t\r\n")
}

// firstObject is the first one in a file of JSON, or nothing.
func (f *file) firstObject() jsontext.Value {
	text := f.text()
	if f.array {
		text = bytes.TrimLeft(text[1:], " \t\r\n")
	}
	value, err := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true)).ReadValue()
	if err != nil || value.Kind() != '{' {
		return nil
	}
	return value
}

// isRaw reports whether an object is {"endpoint": ..., "message": ...}.
func isRaw(object jsontext.Value) bool {
	if object == nil {
		return false
	}
	d := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true))
	_, _ = d.ReadToken()
	var endpoint, message bool
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return false
		}
		member, kind := name.String(), d.PeekKind()
		endpoint = endpoint || member == "endpoint" && kind == '"'
		message = message || member == "message" && (kind == '{' || kind == '"')
		if d.SkipValue() != nil {
			return false
		}
	}
	return endpoint && message
}

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
		return rec, io.EOF
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
	for p := 0; ; p++ {
		switch {
		case p > maxLine:
			return v.long(b)
		case !w.have(p+1) && w.err != io.EOF:
			return rec, w.err
		case !w.have(p+1) && (b.depth > 0 || b.text):
			return rec, fmt.Errorf("value %d has no end: is it cut off, or does a quote or a bracket not close?", v.n)
		case !w.have(p + 1), b.ends(w.at(p)):
			rec.text, rec.odd = w.bytes(p), true
			w.advance(p)
			return rec, nil
		case b.add(w.at(p)):
			rec.text, rec.odd = w.bytes(p+1), true
			w.advance(p + 1)
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
	case c == '"':
		b.text = !b.text
		return !b.text && b.depth == 0
	case b.text:
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
