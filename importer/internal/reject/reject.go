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
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A File is made by its first line, readable by its owner alone.
type File struct {
	path  string
	file  *os.File // nil before the first line
	flags int      // that make it then
	size  int64
	sum   *xxh3.Hasher // of the name and of what is written
	piece bytes.Buffer // of lines that are not written yet
	err   error        // of the first write that failed
}

// A GoneError says that the file of the runs before is not there any more. Somebody
// may have moved it away, to mend it. Open with size 0 makes a new one.
type GoneError struct{ path string }

// Error says what to do.
func (e *GoneError) Error() string {
	return e.path + " is gone, which had the rejects of the runs before: bring it back, or go on with -force, which begins a new one"
}

// Open is for a file that had size bytes, and this Sum, when it was last noted; what
// is behind them is cut off. Where there was no note, sum is empty, and a file that
// is there and not empty is another's. The error is a sentence, or a *GoneError. Once
// an import is finished its rejects may have been mended, and the file must not be
// opened here.
func Open(path string, size int64, sum string) (*File, error) {
	f := newFile(path)
	switch there, err := f.read(size, sum); {
	case err != nil:
		return nil, err
	case !there && size > 0:
		return nil, &GoneError{path}
	case !there:
		f.flags = os.O_CREATE | os.O_EXCL
		return f, nil
	case size == 0:
		return f, nil
	}
	return f, f.open()
}

// Discard removes a file that is as the runs before have left it. Where it is not,
// somebody is about to mend it, and the error is a sentence.
func Discard(path string, size int64, sum string) error {
	if size == 0 {
		return nil // Open says what it is
	}
	f := newFile(path)
	there, err := f.read(size, sum)
	if err == nil && there {
		err = Unwritten(path, os.Remove(path))
	}
	return err
}

func newFile(path string) *File {
	f := &File{path: path, sum: xxh3.New()}
	_, _ = f.sum.WriteString(filepath.Base(path) + "\n")
	return f
}

// read looks at the file, and refuses what is not of this import.
func (f *File) read(size int64, sum string) (there bool, err error) {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, f.unread(err)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%s is no file; name another one with -rejects", f.path)
	case sum == "" && size == 0 && info.Size() > 0:
		return false, fmt.Errorf("%s is of another import: import it or delete it first, or name another file with -rejects", f.path)
	case info.Size() == 0 && size == 0:
		return true, nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return false, f.unread(err)
	}
	defer func() { _ = file.Close() }()
	n, err := io.Copy(f.sum, io.LimitReader(file, size))
	switch {
	case err != nil:
		return false, f.unread(err)
	case n < size, sum != "" && f.Sum() != sum:
		return false, fmt.Errorf("%s is not as the runs before have left it: move it away, where it can be mended and imported by itself, and go on with -force, which begins a new one", f.path)
	}
	f.size = size
	return true, nil
}

// open opens the file and cuts it to size.
func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|f.flags, 0o600)
	if err != nil {
		return Unwritten(f.path, err)
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
		if f.err = f.open(); f.err != nil {
			return f.err
		}
	}
	before, size := *f.sum, f.size
	if f.err = f.write(rows); f.err != nil {
		_ = f.file.Truncate(size)
		*f.sum, f.size = before, size
	}
	return f.err
}

// pieceBytes is about how much is written at once, and so how much memory the lines
// take, however many there are.
const pieceBytes = 256 << 10

// write appends lines, in pieces.
func (f *File) write(rows []record.Row) error {
	for i := range rows {
		if err := writeLine(&f.piece, &rows[i]); err != nil {
			return err
		}
		if f.piece.Len() < pieceBytes && i < len(rows)-1 {
			continue
		}
		if _, err := f.file.WriteAt(f.piece.Bytes(), f.size); err != nil {
			return f.told(err)
		}
		f.size += int64(f.piece.Len())
		_, _ = f.sum.Write(f.piece.Bytes())
		f.piece.Reset()
	}
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

// Sum stands for the file's name and all that is written.
func (f *File) Sum() string { return strconv.FormatUint(f.sum.Sum64(), 16) }

// Sync stores what is written for good.
func (f *File) Sync() error {
	if f.file == nil {
		return nil
	}
	opened, err := f.file.Stat()
	found, err2 := os.Stat(f.path)
	if err == nil && (err2 != nil || !os.SameFile(opened, found)) {
		return fmt.Errorf("%s was deleted or replaced while rejects were written to it: run the same command again", f.path)
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

// told returns the sentence for a file that cannot be written any more.
func (f *File) told(err error) error {
	return show.Unwritten(f.path, err, "make room, or name another file with -rejects")
}

// Unwritten returns the sentence for a file of rejects that cannot be made or opened
// at path, and nil for nil.
func Unwritten(path string, err error) error {
	return show.Unwritten(path, err, "name another file with -rejects, which has the rows that are refused")
}

func (f *File) unread(err error) error {
	return fmt.Errorf("%s cannot be read: %w: name another file with -rejects", f.path, show.Cause(err))
}
