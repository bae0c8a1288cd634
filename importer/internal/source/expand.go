package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

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
			return found && (named[name] || isPatternOf(name, named))
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

// isPatternOf reports whether a name is that of a pattern that means one of the files; see
// Source.name.
func isPatternOf(name string, files map[string]bool) bool {
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
