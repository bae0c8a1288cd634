package source

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Find looks at files without reading their data, except for a beginning. Its
// errors are sentences that say what to do.
func Find(spec Spec) (*Source, error) {
	s := &Source{spec: spec}
	switch {
	case len(spec.Paths) == 0 && spec.SQL == "":
		return nil, errors.New("name a file to import, or give a query with -sql")
	case spec.SQL != "" && spec.Table != "":
		return nil, errors.New("-table and -sql exclude one another: name the table in the query")
	case len(spec.Paths) == 0:
		return s, s.findQuery()
	case slices.ContainsFunc(spec.Paths, isPostgres):
		return s, s.findPostgres()
	case slices.Contains(spec.Paths, "-"):
		return s, s.findStdin()
	}
	paths, left, err := expand(spec.Paths, spec.Ours)
	if err != nil {
		return nil, err
	}
	s.Note = noteOf(left)
	if stream := isStream(paths); stream {
		return s, s.findStream(paths[0])
	}
	for _, path := range paths {
		f, err := look(path, spec)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
		s.Bytes += f.size
	}
	s.name(spec.Paths)
	s.labelFiles()
	if err := s.unite(); err != nil {
		return nil, err
	}
	return s, nil
}

// name says what the source is called, and what is beside it.
func (s *Source) name(given []string) {
	s.Name, s.Path = filepath.Base(s.files[0].path), s.files[0].path
	if len(s.files) == 1 {
		return
	}
	s.Name = fmt.Sprintf("%d files", len(s.files))
	if path, err := filepath.Abs(given[0]); err == nil {
		s.Path = strings.Map(func(r rune) rune {
			if strings.ContainsRune(`*?[]"<>|`, r) {
				return '_'
			}
			return r
		}, path)
	}
}

// labelFiles decides what rows call their files: by the name, and by the whole path
// where two have the same name.
func (s *Source) labelFiles() {
	bases := map[string]bool{}
	for _, f := range s.files {
		base := filepath.Base(f.path)
		s.alike = s.alike || bases[base]
		bases[base] = true
	}
	for i := range s.files {
		f := &s.files[i]
		if f.label = filepath.Base(f.path); s.alike {
			f.label = f.path
		}
	}
}

// unite finds how all files are read, which have to be of one kind.
func (s *Source) unite() error {
	first := s.files[0]
	for _, f := range s.files[1:] {
		if f.format != first.format {
			return fmt.Errorf("%s is %s and %s is %s: import them one after the other", first.name, formatNames[first.format], f.name, formatNames[f.format])
		}
	}
	s.format = first.format
	if err := s.checkFlags(); err != nil {
		return err
	}
	switch first.format {
	case csvFormat:
		return s.findCSV()
	case linesFormat, jsonFormat:
		return s.findJSON()
	case parquetFormat:
		return s.findParquet()
	}
	return s.findDatabase()
}

// checkFlags refuses flags that would do nothing.
func (s *Source) checkFlags() error {
	database := s.format == sqliteFormat || s.format == duckdbFormat
	switch {
	case s.spec.SQL != "" && !database && !fromSource.MatchString(s.spec.SQL):
		return fmt.Errorf("with -sql the query calls %s source: -sql \"SELECT ... FROM source\"", s.Name)
	case s.spec.Table != "" && !database:
		return fmt.Errorf("-table is for databases, and %s is %s", s.Name, formatNames[s.format])
	case s.spec.Delimiter != "" && s.format != csvFormat:
		return fmt.Errorf("-delimiter is for CSV, and %s is %s", s.Name, formatNames[s.format])
	case s.spec.Encoding != "" && s.format != csvFormat:
		return fmt.Errorf("-encoding is for CSV, and %s is %s", s.Name, formatNames[s.format])
	case database && len(s.files) > 1:
		return fmt.Errorf("%s is %s: import one database after the other", s.files[0].name, formatNames[s.format])
	case database && s.files[0].compression != "none":
		return fmt.Errorf("%s is %s that is compressed: unpack it first", s.Name, formatNames[s.format])
	}
	if !database {
		s.Mapping = trimQuery(s.spec.SQL)
	}
	return nil
}

// fromSource matches a query over what was read of files.
var fromSource = regexp.MustCompile(`(?i)\bsource\b`)
