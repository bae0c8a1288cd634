package source

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The formats, by the names that -format has for them where it has one.
const (
	csvFormat     = "csv"
	linesFormat   = "ndjson"
	jsonFormat    = "json"
	parquetFormat = "parquet"
	sqliteFormat  = "sqlite"
	duckdbFormat  = "duckdb"
)

// formatNames is what sentences call the formats.
var formatNames = map[string]string{
	csvFormat:     "a CSV file",
	linesFormat:   "a file of JSON lines",
	jsonFormat:    "a JSON file",
	parquetFormat: "a Parquet file",
	sqliteFormat:  "an SQLite database",
	duckdbFormat:  "a DuckDB database",
}

// findFormat decides by what the user says, by the first bytes, and by the name, in
// this order.
func (f *file) findFormat(said string) error {
	switch said {
	case "", csvFormat, linesFormat, jsonFormat, parquetFormat:
	default:
		return fmt.Errorf("-format %s: it is csv, ndjson, json or parquet", said)
	}
	if err := f.refuseUnread(); err != nil {
		return err
	}
	switch head := f.head; {
	case said != "":
		f.format = said
		return nil
	case bytes.HasPrefix(head, []byte("PAR1")):
		f.format = parquetFormat
	case bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		f.format = sqliteFormat
	case len(head) >= 12 && string(head[8:12]) == "DUCK":
		f.format = duckdbFormat
	default:
		f.format = textFormat(f.path, head)
	}
	return f.refuseName()
}

func textFormat(path string, head []byte) string {
	switch filepath.Ext(unpackedName(strings.ToLower(filepath.Base(path)))) {
	case ".csv", ".tsv", ".tab":
		return csvFormat
	case ".ndjson", ".jsonl":
		return linesFormat
	}
	if encoding := markedUTF16(head); encoding != "" {
		head, _ = io.ReadAll(decode(bytes.NewReader(head), encoding))
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return csvFormat
	}
	line, _, found := bytes.Cut(text, []byte("\n"))
	if text[0] == '{' && (found || len(head) == headSize) && jsontext.Value(line).IsValid(jsontext.AllowDuplicateNames(true)) {
		return linesFormat
	}
	return jsonFormat
}
