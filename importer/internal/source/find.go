package source

import (
	"errors"
	"fmt"
	"os"
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

// Expand returns the files that paths and patterns name, in order, and each one
// once. An address of Postgres stays as it is. Ours are left out; see withoutOurs.
// The error is a sentence.
func Expand(paths, ours []string) ([]string, error) {
	all, _, err := expand(paths, ours)
	return all, err
}

func expand(paths, ours []string) (all, left []string, err error) {
	seen := map[string]bool{}
	for _, path := range paths {
		matches := []string{path}
		if _, err := os.Lstat(path); err != nil && strings.ContainsAny(path, "*?[") && !isPostgres(path) {
			if matches, err = match(path, ours); err != nil {
				return nil, nil, err
			}
		}
		for _, match := range matches {
			if name := filepath.Clean(match); !seen[name] {
				seen[name] = true
				all = append(all, match)
			}
		}
	}
	all, left = withoutOurs(all, ours)
	return all, left, nil
}

// withoutOurs takes out the files that the command has made for others of these
// files. A pattern that a shell expands names them, too.
func withoutOurs(paths, ours []string) (all, left []string) {
	named := map[string]bool{}
	for _, path := range paths {
		named[filepath.Clean(path)] = true
	}
	for _, path := range paths {
		if slices.ContainsFunc(ours, func(suffix string) bool {
			name, found := strings.CutSuffix(filepath.Clean(path), suffix)
			return found && (named[name] || meansOne(name, named))
		}) {
			left = append(left, path)
		} else {
			all = append(all, path)
		}
	}
	return all, left
}

// noteOf says which files are left out.
func noteOf(left []string) string {
	switch len(left) {
	case 0:
		return ""
	case 1:
		return left[0] + " is left out: this command has made it, for another file that is named. To import it, name it alone."
	}
	return fmt.Sprintf("%d files are left out, %s for example: this command has made them, for others that are named. To import them, name them alone.", len(left), left[0])
}

// meansOne reports whether a name is that of a pattern that means one of the files; see
// Source.name.
func meansOne(name string, files map[string]bool) bool {
	dir, base := filepath.Split(name)
	if !strings.Contains(base, "_") {
		return false
	}
	pattern := strings.ReplaceAll(base, "_", "*")
	for file := range files {
		if d, b := filepath.Split(file); d == dir {
			if matched, _ := filepath.Match(pattern, b); matched {
				return true
			}
		}
	}
	return false
}

// match returns the files that a pattern means: none that is hidden, and none of
// ours, unless the pattern says so.
func match(pattern string, ours []string) ([]string, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s is not a pattern of file names: a [ has no ]", pattern)
	}
	hidden := strings.HasPrefix(filepath.Base(pattern), ".")
	matches = slices.DeleteFunc(matches, func(path string) bool {
		return !hidden && strings.HasPrefix(filepath.Base(path), ".") || slices.ContainsFunc(ours, func(suffix string) bool {
			return strings.HasSuffix(path, suffix) && !strings.HasSuffix(pattern, suffix)
		})
	})
	if len(matches) == 0 {
		return nil, fmt.Errorf("no file matches %s: is it the right directory?", pattern)
	}
	slices.Sort(matches)
	return matches, nil
}

// unite finds how all files are read, which have to be of one kind.
func (s *Source) unite() error {
	first := s.files[0]
	for _, f := range s.files[1:] {
		if f.format != first.format {
			return fmt.Errorf("%s is %s and %s is %s: import them one after the other", first.name, called[first.format], f.name, called[f.format])
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
		return fmt.Errorf("-table is for databases, and %s is %s", s.Name, called[s.format])
	case s.spec.Delimiter != "" && s.format != csvFormat:
		return fmt.Errorf("-delimiter is for CSV, and %s is %s", s.Name, called[s.format])
	case s.spec.Encoding != "" && s.format != csvFormat:
		return fmt.Errorf("-encoding is for CSV, and %s is %s", s.Name, called[s.format])
	case database && len(s.files) > 1:
		return fmt.Errorf("%s is %s: import one database after the other", s.files[0].name, called[s.format])
	case database && s.files[0].compression != "none":
		return fmt.Errorf("%s is %s that is compressed: unpack it first", s.Name, called[s.format])
	}
	if !database {
		s.Mapping = trimQuery(s.spec.SQL)
	}
	return nil
}

// fromSource matches a query over what was read of files.
var fromSource = regexp.MustCompile(`(?i)\bsource\b`)
