package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// distinct refuses names that would write one file over another, or over the
// source.
func (c *config) distinct(state, rejects string) error {
	named := []struct{ flag, path string }{{"-state", state}, {"-rejects", rejects}, {"-report", c.report}}
	paths, err := source.Expand(c.paths, ourSuffixes)
	if err != nil {
		return err
	}
	for _, path := range paths {
		named = append(named, struct{ flag, path string }{"the source", path})
	}
	for i, a := range named[:3] {
		for _, b := range named[i+1:] {
			if a.path != "" && b.path != "" && samePath(a.path, b.path) {
				return fmt.Errorf("%s and %s are one file, %s: name another one", a.flag, b.flag, a.path)
			}
		}
	}
	return nil
}

func samePath(a, b string) bool {
	one, err := os.Stat(a)
	other, err2 := os.Stat(b)
	if err == nil && err2 == nil {
		return os.SameFile(one, other)
	}
	a, err = filepath.Abs(a)
	b, err2 = filepath.Abs(b)
	return err == nil && err2 == nil && a == b
}

// tryToWrite opens a file, or makes one beside it. It leaves no file.
func tryToWrite(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		return file.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return tryBeside(path)
}

// tryBeside makes a file beside path, and removes it.
func tryBeside(path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// keepRejects refuses to write over rejects that no state knows: somebody may be
// about to mend them.
func (j *job) keepRejects() error {
	info, err := os.Stat(j.files.rejects)
	if err != nil || info.Size() == 0 || !info.Mode().IsRegular() {
		return nil
	}
	if _, err := os.Stat(j.files.state); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s is of another import: import it or delete it first, or name another file with -rejects", j.files.rejects)
}
