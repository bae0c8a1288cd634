package source

import (
	"bufio"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// A torn collects torn rows in a file, for there can be as many as there are
// rows.
type torn struct {
	l    *load
	name string // of the source's file, if there are several
	file *os.File
	out  *bufio.Writer
	csv  *csv.Writer
	rows int64
}

func (l *load) newTorn(f *file) (*torn, error) {
	out, err := os.OpenFile(filepath.Join(l.db.Dir, "torn.csv"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	t := &torn{l: l, file: out, out: bufio.NewWriter(out)}
	if len(l.s.files) > 1 {
		t.name = f.label
	}
	t.csv = csv.NewWriter(t.out)
	return t, nil
}

func (t *torn) add(number int64, rec *record) error {
	t.rows++
	line := strings.ReplaceAll(strings.ToValidUTF8(string(rec.text), "\ufffd"), "\x00", "\ufffd")
	return t.csv.Write([]string{strconv.FormatInt(number, 10), t.name, line, rec.torn})
}

// load adds them to the table.
func (t *torn) load(ctx context.Context) error {
	t.csv.Flush()
	if err := t.csv.Error(); err != nil {
		return err
	}
	if err := t.out.Flush(); err != nil {
		return err
	}
	if err := t.file.Close(); err != nil || t.rows == 0 {
		return err
	}
	// A line may be twice as long here, with all its quotes doubled. It may have ends
	// of lines of another kind, which DuckDB would take for those of the file.
	return t.l.exec(ctx, `INSERT INTO torn SELECT * FROM read_csv(`+duck.Quote(t.file.Name())+`, auto_detect = false,
		columns = {'row': 'BIGINT', 'file': 'VARCHAR', 'line': 'VARCHAR', 'reason': 'VARCHAR'},
		delim = ',', quote = '"', escape = '"', header = false, new_line = '\n', parallel = false`+bounds+`)`)
}

func (t *torn) close() {
	_ = t.file.Close()
	_ = os.Remove(t.file.Name())
}
