package source

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
)

// loadCopy loads a copy that has the rows that are not torn, with their numbers.
func (l *load) loadCopy(ctx context.Context, f *file, before int64, found finding) error {
	path := filepath.Join(l.db.Dir, "copy.csv")
	defer func() { _ = os.Remove(path) }()
	torn, err := l.newTorn(f)
	if err != nil {
		return err
	}
	defer torn.close()
	if err := f.writeCopy(ctx, path, torn); err != nil {
		return l.unreadable(ctx, f, err)
	}
	if err := torn.load(ctx); err != nil {
		return err
	}
	c := file{path: f.path, name: f.name, label: f.label, format: f.format, compression: "none", delimiter: f.delimiter}
	read := c.readLines(path, dataPrefix)
	if f.format == csvFormat {
		read = c.readCSV(path, append([]string{numberColumn}, prefixed(f.columns)...), false)
	}
	return l.insert(ctx, &c, before, found, read)
}

func (f *file) writeCopy(ctx context.Context, path string, torn *torn) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	w := bufio.NewWriterSize(out, 1<<18)
	var number int64
	var row []byte
	err = f.each(ctx, func(rec *record) error {
		if f.format == csvFormat && rec.blank {
			return nil
		}
		number++
		if rec.torn != "" {
			if err := torn.add(number, rec); err != nil || f.format == csvFormat {
				return err
			}
			rec.text = nil
		}
		row = row[:0]
		if f.format == csvFormat {
			row = append(strconv.AppendInt(row, number, 10), f.delimiter)
			row = rec.tidy(row, f.delimiter)
		} else {
			row = appendLine(row, rec)
		}
		_, err := w.Write(append(row, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}

// appendLine writes a line of JSON: the end of a line that is in it can only be
// white space, or an error.
func appendLine(out []byte, rec *record) []byte {
	from := len(out)
	out = append(out, rec.text...)
	if rec.odd {
		for i, b := range out[from:] {
			if b == '\r' || b == '\n' {
				out[from+i] = ' '
			}
		}
	}
	if len(bytes.TrimSpace(out[from:])) == 0 {
		return out[:from]
	}
	return out
}
