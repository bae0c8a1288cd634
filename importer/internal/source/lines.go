package source

import (
	"fmt"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func (s *Source) findLines() error {
	s.JSON = true
	var selects []string
	for i := range s.files {
		f := &s.files[i]
		selects = append(selects, "SELECT "+s.fileColumn(f)+"_json FROM "+f.readLines(f.path))
	}
	s.SQL = strings.Join(selects, "\nUNION ALL\n")
	s.loader = loadCSV
	return nil
}

// readLines reads lines as they are, by the reader of CSV with a delimiter that
// JSON cannot have.
func (f *file) readLines(path string) string {
	return fmt.Sprintf(`read_csv(%s, auto_detect = false, columns = {'_json': 'VARCHAR'}, delim = chr(1), quote = '', escape = '', header = false, compression = '%s', store_rejects = true, max_line_size = %d)`,
		duck.Quote(path), f.compression, maxLine)
}
