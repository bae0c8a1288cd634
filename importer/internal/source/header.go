package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// readHeader finds the delimiter and the columns of a CSV file.
func (f *file) readHeader(spec Spec) error {
	if err := f.findEncoding(strings.ToLower(spec.Encoding)); err != nil {
		return err
	}
	f.newline = '\n'
	if bytes.IndexByte(f.head, '\n') < 0 && bytes.IndexByte(f.head, '\r') >= 0 {
		f.newline = '\r'
	}
	if err := f.findDelimiter(spec.Delimiter); err != nil {
		return err
	}
	r := f.reader(bytes.NewReader(f.head))
	header, err := r.next()
	for err == nil && header.blank {
		f.blank++
		header, err = r.next()
	}
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s has blank lines alone", f.name)
	case err != nil:
		return fmt.Errorf("cannot read %s: %w", f.name, err)
	case header.torn != "":
		return fmt.Errorf("%s: the header cannot be read: %s", f.name, header.torn)
	}
	if bytes.ContainsFunc(header.text, f.isNoText) {
		return f.notText()
	}
	f.columns = columnNames(header.values(f.delimiter))
	return nil
}

// isNoText reports whether a character is in no name of a column.
func (f *file) isNoText(r rune) bool {
	return r < ' ' && r != '\t' && r != '\r' && r != '\n' && r != rune(f.delimiter)
}

// notText is for what is no file of text at all.
func (f *file) notText() error {
	return fmt.Errorf("%s is not a text: its first line has bytes that no text has. Is it of another format, packed or encrypted?", f.name)
}

// A reader finds the rows of a file.
type reader interface {
	// next returns io.EOF behind the last row.
	next() (record, error)
}

func (f *file) reader(in io.Reader) reader {
	if f.format == jsonFormat {
		return &values{w: newWindow(in), array: f.array}
	}
	return &records{w: newWindow(in), delimiter: f.delimiter, newline: f.newline, lines: f.format == linesFormat}
}

// delimiters are the ones that are looked for, the likelier ones first.
const delimiters = ",\t;|"

// findDelimiter decides by what the user says, or by which one the first line
// that is not blank has most of, outside of quotes.
func (f *file) findDelimiter(said string) error {
	switch said {
	case "":
	case `\t`, "tab", "TAB":
		f.delimiter = '\t'
		return nil
	default:
		f.delimiter = said[0]
		if len(said) > 1 || f.delimiter >= 0x80 || strings.IndexByte("\"\r\n\x00", f.delimiter) >= 0 {
			return errors.New(`-delimiter is one ASCII character that is no quote, or \t`)
		}
		return nil
	}
	line, _, _ := bytes.Cut(bytes.TrimLeft(f.head, "\r\n\ufeff"), []byte{f.newline})
	most := 0
	f.delimiter = ','
	if ext := strings.ToLower(filepath.Ext(f.path)); ext == ".tsv" || ext == ".tab" {
		f.delimiter = '\t'
	}
	for _, c := range []byte(delimiters) {
		count, open := 0, false
		for _, b := range line {
			if b == '"' {
				open = !open
			} else if b == c && !open {
				count++
			}
		}
		if count > most {
			f.delimiter, most = c, count
		}
	}
	return nil
}

// values returns the fields of a row without their quotes.
func (rec *record) values(delimiter byte) []string {
	var all []string
	r := records{w: &window{buf: rec.text, end: len(rec.text), err: io.EOF}, delimiter: delimiter, newline: '\n'}
	for p := 0; ; p++ {
		from := p
		if p = r.fieldEnd(p); r.w.at(from) == '"' {
			all = append(all, strings.ReplaceAll(string(rec.text[from+1:p-1]), `""`, `"`))
		} else {
			all = append(all, string(rec.text[from:p]))
		}
		if p >= len(rec.text) {
			return all
		}
	}
}

// columnNames gives each column a name of its own. Names differ by more than
// case, and those that have a meaning in this command are taken. A column without
// a name is called by its number.
func columnNames(header []string) []string {
	taken := map[string]bool{}
	for _, name := range Reserved {
		taken[name] = true
	}
	names := make([]string, len(header))
	for i, name := range header {
		name = strings.ToValidUTF8(strings.TrimSpace(name), "\ufffd")
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		names[i] = name
		for n := 1; taken[strings.ToLower(names[i])]; n++ {
			names[i] = fmt.Sprintf("%s_%d", name, n)
		}
		taken[strings.ToLower(names[i])] = true
	}
	return names
}
