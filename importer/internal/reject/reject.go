// Package reject writes the file of rejects: a line of JSON for each row that was
// refused, which can be mended and imported again.
//
//	{"endpoint": "track", "message": {...}, "reason": "...", "row": 17}
//
// With several files a line has "file" as well. The message is an object, or a
// string: the text of a row that is none.
package reject

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A File is made by its first line, readable by its owner alone.
type File struct {
	path string
	file *os.File // nil before the first line
	size int64
	err  error // of the first write that failed
}

// Open is for a file that had size bytes when it was last noted; what is behind
// them is cut off. With size 0 a file that is there is left alone until the first
// line replaces it. The error is a sentence. Once an import is finished its rejects
// may have been mended, and the file must not be opened here.
func Open(path string, size int64) (*File, error) {
	f := &File{path: path, size: size}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && size == 0:
		return f, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is gone, which had the rejects of the runs before: bring it back, or delete the state to start at the first row", path)
	case err != nil:
		return nil, f.told(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file; name another one with -rejects", path)
	case info.Size() < size:
		return nil, fmt.Errorf("%s is shorter than the runs before have left it: bring it back, or delete the state to start at the first row", path)
	case size == 0:
		return f, nil
	}
	return f, f.open(0)
}

// open opens the file and cuts it to size.
func (f *File) open(flags int) error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|flags, 0o600)
	if err != nil {
		return f.told(err)
	}
	if err := file.Truncate(f.size); err != nil {
		_ = file.Close()
		return f.told(err)
	}
	f.file = file
	return nil
}

// Add writes lines before it returns: all of them, or with an error, a sentence,
// none. Nothing can be added after an error.
func (f *File) Add(rows ...record.Row) error {
	if len(rows) == 0 || f.err != nil {
		return f.err
	}
	if f.file == nil {
		if f.err = f.open(os.O_CREATE); f.err != nil {
			return f.err
		}
	}
	var lines bytes.Buffer
	for i := range rows {
		if err := writeLine(&lines, &rows[i]); err != nil {
			return err
		}
	}
	if _, err := f.file.WriteAt(lines.Bytes(), f.size); err != nil {
		_ = f.file.Truncate(f.size)
		f.err = f.told(err)
		return f.err
	}
	f.size += int64(lines.Len())
	return nil
}

// A line is a reject as it is stored.
type line struct {
	Endpoint string          `json:"endpoint"`
	Message  json.RawMessage `json:"message"`
	Reason   string          `json:"reason"`
	Row      int64           `json:"row"`
	File     string          `json:"file,omitempty"`
}

func writeLine(out *bytes.Buffer, row *record.Row) error {
	message, err := asJSON(row.Message)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(&line{row.Endpoint, message, row.Reason, row.Number, row.File})
}

// asJSON returns an object or a string on one line, whatever text is.
func asJSON(text []byte) (json.RawMessage, error) {
	text = bytes.TrimSpace(text)
	if len(text) > 0 && (text[0] == '{' || text[0] == '"') && utf8.Valid(text) && json.Valid(text) {
		return text, nil
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(strings.ToValidUTF8(string(text), "\ufffd")); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(quoted.Bytes()), nil
}

// Size is what is written.
func (f *File) Size() int64 { return f.size }

// Sync stores what is written for good.
func (f *File) Sync() error {
	if f.file == nil {
		return nil
	}
	return f.told(f.file.Sync())
}

// Close closes the file, if there is one.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.told(f.file.Close())
	f.file, f.err = nil, errors.New("the file of rejects is closed")
	return err
}

// told returns the sentence for a file that cannot be written.
func (f *File) told(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the rejects cannot be written to %s: %w; make room, or name another file with -rejects", f.path, show.Cause(err))
}
