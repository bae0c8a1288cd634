package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find looks at files without reading their data. Its errors are sentences that
// say what to do.
func Find(spec Spec) (*Source, error) {
	s := &Source{spec: spec}
	if len(spec.Paths) == 0 {
		return nil, errors.New("name a file to import, or give a query with -sql")
	}
	paths, err := expand(spec.Paths)
	if err != nil {
		return nil, err
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
	return s, s.unite()
}

// name says what the source is called, and what is beside it.
func (s *Source) name(given []string) {
	s.Name, s.Path = filepath.Base(s.files[0].path), s.files[0].path
	if len(s.files) > 1 {
		s.Name = fmt.Sprintf("%d files", len(s.files))
		s.Path = strings.Map(func(r rune) rune {
			if strings.ContainsRune(`*?[]"<>|`, r) {
				return '_'
			}
			return r
		}, given[0])
	}
}

// expand returns the files that paths and patterns name, in order, and each one
// once.
func expand(paths []string) ([]string, error) {
	var all []string
	for _, path := range paths {
		matches := []string{path}
		if _, err := os.Lstat(path); err != nil && strings.ContainsAny(path, "*?[") {
			if matches, err = filepath.Glob(path); err != nil {
				return nil, fmt.Errorf("%s is not a pattern of file names: a [ has no ]", path)
			}
			if len(matches) == 0 {
				return nil, fmt.Errorf("no file matches %s: put the pattern in quotes, and look at it from this directory", path)
			}
			slices.Sort(matches)
		}
		for _, match := range matches {
			if !slices.Contains(all, match) {
				all = append(all, match)
			}
		}
	}
	return all, nil
}

// unite finds how all files are read, which have to be of one kind.
func (s *Source) unite() error {
	first := s.files[0]
	for _, f := range s.files[1:] {
		if f.format != first.format {
			return fmt.Errorf("%s is %s and %s is %s: import them one after the other", first.path, called[first.format], f.path, called[f.format])
		}
	}
	s.format = first.format
	switch first.format {
	case csvFormat:
		return s.findCSV()
	case linesFormat:
		return s.findLines()
	case jsonFormat:
		return s.findJSON()
	case parquetFormat:
		return s.findParquet()
	}
	return fmt.Errorf("%s is %s, which cannot be imported", first.path, called[first.format])
}
