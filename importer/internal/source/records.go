package source

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// keptOfLong is how much is kept of what is too long.
const keptOfLong = 1 << 10

// Why a row is torn.
const (
	tornLong     = "the row is longer than 2 MiB: only its beginning is kept here"
	tornOpen     = "a quote is opened and not closed within 2 MiB: this line alone is refused, and the next one is read as a row"
	tornQuote    = "text follows a closing quote: this line alone is refused, and the next one is read as a row"
	tornFew      = "the row has fewer columns than the header"
	tornMany     = "the row has more columns than the header"
	tornEncoding = "the row is not UTF-8"
	tornControl  = "the row has a control character that text cannot have"
)

// A record is a row of a CSV file, or a line of JSON. It is overwritten by the
// next one.
type record struct {
	text   []byte // without the end of the line
	fields int
	blank  bool
	torn   string // why it cannot be read
	breaks bool   // a quoted field has the end of a line
	odd    bool   // DuckDB reads it only after it is rewritten
	crlf   bool   // the line ends with CRLF
}

// records reads a CSV file row by row.
//
// DuckDB reads CSV in parallel, and fast, but what is torn costs it more than the
// torn row: a quote that is not closed loses the rows up to the next part that
// another thread reads, and a row that is too long is left out without a word. So
// each row is looked at here first, which takes a tenth of the time: DuckDB gets
// files without such rows, or a copy without them, and has to find as many rows
// as were found here.
type records struct {
	w         *window
	delimiter byte
	newline   byte // '\r' in files of old Macs
	lines     bool // of JSON: no fields, no quotes
}

// next returns a row, or io.EOF.
func (r *records) next() (rec record, err error) {
	w := r.w
	if !w.have(1) {
		return rec, w.err
	}
	line := w.find(0, r.newline)
	size := line + 1
	if line < 0 {
		if w.tooLong() {
			return r.long(), nil
		}
		if w.err != io.EOF {
			return rec, w.err
		}
		line = len(w.rest())
		size = line
	}
	rec.text = w.bytes(line)
	if !r.lines && bytes.IndexByte(rec.text, '"') >= 0 {
		return r.quoted(line, size)
	}
	w.advance(size)
	if n := len(rec.text); n > 0 && rec.text[n-1] == '\r' {
		rec.text, rec.crlf = rec.text[:n-1], true
	}
	rec.blank = len(rec.text) == 0
	rec.fields = 1
	if !r.lines {
		rec.fields += bytes.Count(rec.text, []byte{r.delimiter})
	}
	rec.odd = bytes.IndexByte(rec.text, r.other()) >= 0
	rec.breaks = rec.odd && r.newline == '\r'
	return rec, nil
}

// other is the character that ends lines in other files.
func (r *records) other() byte { return '\r' + '\n' - r.newline }

func (r *records) long() record {
	kept := bytes.Clone(r.w.bytes(keptOfLong))
	r.w.skip(r.newline)
	return record{text: kept, torn: tornLong}
}

// quoted reads a row that has a quote in its first line, which has size bytes
// with its end. A row that is torn is its first line alone.
func (r *records) quoted(line, size int) (rec record, err error) {
	w := r.w
	end := r.walk(&rec)
	if w.err != nil && w.err != io.EOF && rec.torn != "" {
		return rec, w.err
	}
	if rec.torn != "" {
		rec.text = bytes.TrimSuffix(w.bytes(line), []byte{'\r'})
		w.advance(size)
		return rec, nil
	}
	rec.text = w.bytes(end)
	rec.breaks = end > line || r.newline == '\r' && rec.odd
	if n := len(rec.text); n > 0 && rec.text[n-1] == '\r' {
		rec.text, rec.crlf = rec.text[:n-1], true
	}
	w.advance(end + 1)
	return rec, nil
}

// walk goes over the fields of a row and returns the index of its end.
func (r *records) walk(rec *record) (end int) {
	w, p := r.w, 0
	for {
		rec.fields++
		if w.at(p) == '"' {
			if p = r.closing(p + 1); p < 0 {
				rec.torn = tornOpen
				return 0
			}
			if w.at(p) == '\r' && r.newline == '\n' && (w.at(p+1) == '\n' || !w.have(p+2)) {
				return p + 1
			}
			if c := w.at(p); w.have(p+1) && c != r.delimiter && c != r.newline {
				rec.torn = tornQuote
				return 0
			}
		} else {
			p = r.plain(p, rec)
		}
		if p > maxLine {
			rec.torn = tornLong
			return 0
		}
		if !w.have(p+1) || w.at(p) == r.newline {
			return p
		}
		p++ // the delimiter
	}
}

// closing returns the index behind the quote that closes a field, or -1.
func (r *records) closing(p int) int {
	for {
		if p = r.w.find(p, '"'); p < 0 {
			return -1
		}
		p++
		if r.w.at(p) != '"' {
			return p
		}
		p++
	}
}

// plain returns the index behind a field without quotes around it.
func (r *records) plain(p int, rec *record) int {
	end := r.w.find(p, r.newline)
	if end < 0 {
		end = len(r.w.rest())
	}
	field := r.w.bytes(end)[p:]
	if i := bytes.IndexByte(field, r.delimiter); i >= 0 {
		field = field[:i]
	}
	text := field
	if p+len(field) == end {
		text = bytes.TrimSuffix(text, []byte{'\r'})
	}
	if bytes.IndexByte(text, '"') >= 0 || bytes.IndexByte(text, r.other()) >= 0 {
		rec.odd = true
	}
	return p + len(field)
}

// check finds what is wrong with a row.
func (rec *record) check(f *file) {
	switch {
	case rec.torn != "" || rec.blank:
	case !utf8.Valid(rec.text):
		rec.torn = tornEncoding
	case bytes.IndexByte(rec.text, 0) >= 0, f.format != csvFormat && bytes.IndexByte(rec.text, 1) >= 0:
		rec.torn = tornControl
	case f.format != csvFormat:
		rec.odd = rec.odd || rec.text[0] <= ' ' && len(bytes.TrimSpace(rec.text)) == 0
	case rec.fields < len(f.columns):
		rec.torn = tornFew
	case rec.fields > len(f.columns):
		rec.torn = tornMany
	}
}

// tidy writes the fields of a row so that every reader of CSV understands them.
func (rec *record) tidy(out []byte, delimiter byte) []byte {
	if !rec.odd {
		return append(out, rec.text...)
	}
	r := records{w: &window{buf: rec.text, end: len(rec.text), err: io.EOF}, delimiter: delimiter, newline: '\n'}
	for p := 0; ; p++ {
		from := p
		p = r.fieldEnd(p)
		if field := rec.text[from:p]; r.w.at(from) == '"' {
			out = append(out, field...)
		} else {
			out = append(out, '"')
			out = append(out, bytes.ReplaceAll(field, []byte{'"'}, []byte(`""`))...)
			out = append(out, '"')
		}
		if p >= len(rec.text) {
			return out
		}
		out = append(out, delimiter)
	}
}

// fieldEnd returns the index behind the field at p, in a row that is not torn.
func (r *records) fieldEnd(p int) int {
	if r.w.at(p) == '"' {
		return r.closing(p + 1)
	}
	rest := r.w.rest()[p:]
	if i := bytes.IndexByte(rest, r.delimiter); i >= 0 {
		return p + i
	}
	return p + len(rest)
}
