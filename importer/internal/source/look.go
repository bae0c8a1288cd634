package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

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
