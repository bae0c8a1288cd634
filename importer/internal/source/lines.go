package source

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func (s *Source) findLines() error {
	s.JSON = true
	var selects []string
	for i := range s.files {
		f := &s.files[i]
		if err := f.prepareJSON(s.spec); err != nil {
			return err
		}
		selects = append(selects, "SELECT row_number() OVER () AS _row, "+s.fileColumn(f)+"_json\nFROM "+f.printed(f.readLines(f.path)))
	}
	s.Raw = isRaw(s.files[0].firstObject())
	s.SQL = strings.Join(selects, "\nUNION ALL\n")
	if len(s.files) > 1 {
		s.SQL = "SELECT * FROM (" + s.SQL + ")"
	}
	s.SQL += "\nWHERE _json IS NOT NULL"
	s.loader = loadText
	return nil
}

// fileColumn is the column _file, if there are several.
func (s *Source) fileColumn(f *file) string {
	if len(s.files) == 1 {
		return ""
	}
	return duck.Quote(filepath.Base(f.path)) + " AS _file, "
}

// readLines reads lines as they are, by the reader of CSV with a delimiter that
// JSON cannot have. So no member is lost that comes late, and no text becomes a
// date.
func (f *file) readLines(path string) string {
	return fmt.Sprintf(`read_csv(%s, auto_detect = false, columns = {'_json': 'VARCHAR'}, delim = chr(1), quote = '', escape = '', header = false, compression = '%s'%s)`,
		duck.Quote(path), f.compression, bounds)
}
