package source

import (
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func (s *Source) findParquet() error {
	var selects []string
	for i := range s.files {
		f := &s.files[i]
		selects = append(selects, "SELECT "+s.fileColumn(f)+"* FROM read_parquet("+duck.Quote(f.path)+")")
	}
	s.SQL = strings.Join(selects, "\nUNION ALL BY NAME\n")
	s.loader = loadCSV
	return nil
}
