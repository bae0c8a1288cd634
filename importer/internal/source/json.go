package source

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// findJSON is for JSON lines, and for JSON.
func (s *Source) findJSON() error {
	s.JSON = true
	s.loader = loadText
	selects := make([]string, len(s.files))
	for i := range s.files {
		f := &s.files[i]
		if err := f.prepareJSON(); err != nil {
			return err
		}
		selects[i] = "SELECT row_number() OVER () AS _row, " + s.fileColumn(f) + "_json\nFROM " + f.printedLines()
	}
	s.Raw = isRaw(s.files[0].firstObject())
	s.SQL = strings.Join(selects, "\nUNION ALL\n")
	if len(selects) > 1 {
		s.SQL = "SELECT * FROM (" + s.SQL + ")"
	}
	s.SQL += "\nWHERE _json IS NOT NULL"
	return nil
}

// printedLines is how a query reads the file. The ends of lines are white space
// in JSON, and what Load makes of an object has none.
func (f *file) printedLines() string {
	if f.format == linesFormat {
		return f.printed(f.readLines(f.path, ""))
	}
	format, compression := "unstructured", f.compression
	if f.array {
		format = "array"
	}
	if compression == "none" {
		compression = "uncompressed"
	}
	return fmt.Sprintf("(SELECT translate(json::VARCHAR, chr(10) || chr(13), '  ') AS _json FROM read_json_objects(%s, format = '%s', hive_partitioning = false, compression = '%s'))",
		duck.Quote(f.path), format, compression)
}

// fileColumn is the column _file, if there are several.
func (s *Source) fileColumn(f *file) string {
	if len(s.files) == 1 {
		return ""
	}
	return duck.Quote(f.label) + " AS _file, "
}

// readLines reads lines as they are, by the reader of CSV with a delimiter that
// JSON cannot have. So no member is lost that comes late, and no text becomes a
// date.
func (f *file) readLines(path, prefix string) string {
	return fmt.Sprintf(`read_csv(%s, `+textColumns+`'%s_json': 'VARCHAR'}, delim = chr(1), quote = '', escape = '', header = false, new_line = '%s', compression = '%s'%s)`,
		duck.Quote(path), prefix, f.lineEnd(), f.compression, bounds)
}

// prepareJSON looks at the beginning of a file of JSON.
func (f *file) prepareJSON() error {
	f.encoding = utf8Encoding
	if encoding := markedUTF16(f.head); encoding != "" {
		f.encoding = encoding
		f.head, _ = io.ReadAll(decode(bytes.NewReader(f.head), f.encoding))
	}
	f.newline = '\n'
	text := f.text()
	if len(text) == 0 && f.whole {
		return fmt.Errorf("%s has nothing but white space", f.name)
	}
	f.array = len(text) > 0 && text[0] == '['
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
