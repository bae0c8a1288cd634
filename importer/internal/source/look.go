package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
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

// called is what sentences call the formats.
var called = map[string]string{
	csvFormat:     "a CSV file",
	linesFormat:   "a file of JSON lines",
	jsonFormat:    "a JSON file",
	parquetFormat: "a Parquet file",
	sqliteFormat:  "an SQLite database",
	duckdbFormat:  "a DuckDB database",
}

// headSize is how much of a file is looked at.
const headSize = 1 << 20

// A file is what was found out about one.
type file struct {
	path        string // absolute
	name        string // as the user calls it
	label       string // as its rows call it, if there are several files
	size        int64
	compression string // as DuckDB calls it: none, gzip or zstd
	format      string
	head        []byte // its beginning, without compression
	whole       bool   // head is all of it

	encoding string // of text
	newline  byte   // that ends a line

	columns   []string // of CSV
	delimiter byte
	blank     int // lines before the header

	array bool // of JSON: it is one array
}

// look opens a file and finds its format.
func look(path string, spec Spec) (f file, err error) {
	f.name = path
	if f.path, err = filepath.Abs(path); err != nil {
		return f, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return f, fmt.Errorf("there is no file %s", path)
	case err != nil:
		return f, fmt.Errorf("cannot read %s: %w", path, show.Cause(err))
	case info.IsDir():
		return f, fmt.Errorf("%s is a directory: name its files, as in %s", path, filepath.Join(path, "*.csv"))
	case info.Size() == 0 && info.Mode().IsRegular():
		return f, fmt.Errorf("%s is empty", path)
	}
	f.size = info.Size()
	in, err := os.Open(f.path)
	if err != nil {
		return f, fmt.Errorf("cannot read %s: %w", path, show.Cause(err))
	}
	defer func() { _ = in.Close() }()
	start := make([]byte, headSize)
	n, err := io.ReadFull(in, start)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return f, fmt.Errorf("cannot read %s: %w", path, show.Cause(err))
	}
	f.whole = err != nil
	if err := f.readHead(start[:n]); err != nil {
		return f, fmt.Errorf("cannot read %s: %w", path, show.Cause(err))
	}
	if len(f.head) == 0 {
		return f, fmt.Errorf("%s is empty", path)
	}
	return f, f.findFormat(spec.Format)
}

// readHead takes the beginning of the file, which is all of it if f.whole.
func (f *file) readHead(start []byte) error {
	in, compression, err := decompress(bytes.NewReader(start))
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	f.compression = compression
	f.head = make([]byte, headSize)
	n, err := io.ReadFull(in, f.head)
	f.head = f.head[:n]
	if err == nil {
		f.whole = false
		return nil
	}
	switch {
	case err == io.EOF, n > 0 && (err == io.ErrUnexpectedEOF || !f.whole):
		return nil // a file that is cut off is found where all of it is read
	case err == io.ErrUnexpectedEOF:
		return fmt.Errorf("the %s file is cut off: %w", compression, err)
	}
	return err
}

// decompress reads what is in a gzip or zstd file, or the file as it is. The
// first bytes decide, not its name.
func decompress(file io.Reader) (io.ReadCloser, string, error) {
	in := bufio.NewReaderSize(file, 1<<16)
	magic, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		return z, "gzip", err
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return nil, "", err
		}
		return z.IOReadCloser(), "zstd", nil
	}
	return io.NopCloser(in), "none", nil
}

// findFormat decides by what the user says, by the first bytes, and by the name, in
// this order.
func (f *file) findFormat(said string) error {
	switch said {
	case "", csvFormat, linesFormat, jsonFormat, parquetFormat:
	default:
		return fmt.Errorf("-format %s: it is csv, ndjson, json or parquet", said)
	}
	if err := f.checkRead(); err != nil {
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
	return f.checkName()
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
