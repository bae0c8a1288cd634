package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

const (
	stateSuffix   = ".import-state"
	rejectsSuffix = ".rejects.ndjson"
)

// ourSuffixes are those of all files that an import makes beside its source.
var ourSuffixes = []string{stateSuffix, stateSuffix + state.LockSuffix, stateSuffix + state.NextSuffix, rejectsSuffix}

// files are those that the command writes, besides the report.
type files struct {
	state, rejects string
	remove         []string // directories, at the end
}

func (f *files) close() {
	for _, dir := range f.remove {
		_ = os.RemoveAll(dir)
	}
}

// check finds out what can be found out before the source is read.
func (j *job) check() error {
	if j.dryBecause() != "" {
		return nil
	}
	if j.to == "local" {
		return j.nameLocalFiles()
	}
	if err := j.target.check(); err != nil {
		return err
	}
	if err := j.nameFiles(); err != nil {
		return err
	}
	if err := j.distinct(j.files.state, j.files.rejects); err != nil {
		return err
	}
	if err := writable(j.files.state); err != nil {
		return fmt.Errorf("%s, which would note what was delivered, cannot be written: %w; name another file with -state", j.files.state, err)
	}
	if err := writable(j.files.rejects); err != nil {
		return fmt.Errorf("%s, which would have the rows that are refused, cannot be written: %w; name another file with -rejects", j.files.rejects, err)
	}
	return j.keepRejects()
}

func (j *job) nameFiles() error {
	j.files.state, j.files.rejects = j.config.state, j.rejects
	if j.files.state == "" {
		if j.source.Path == "" {
			return fmt.Errorf("%s needs -state FILE, which notes what was delivered: there is no place beside it", j.source.Name)
		}
		j.files.state = j.source.Path + stateSuffix
	}
	switch {
	case j.files.rejects != "":
	case j.source.Path != "":
		j.files.rejects = j.source.Path + rejectsSuffix
	default:
		j.files.rejects = strings.TrimSuffix(j.files.state, filepath.Ext(j.files.state)) + rejectsSuffix
	}
	return nil
}

// nameLocalFiles names the file for what -to local refuses, if -rejects does:
// that beside the source belongs to the import, and may be about to be mended.
func (j *job) nameLocalFiles() error {
	j.files.rejects = j.rejects
	if j.files.rejects == "" {
		return nil
	}
	if err := writable(j.files.rejects); err != nil {
		return fmt.Errorf("%s cannot be written: %w; name another file with -rejects", j.files.rejects, err)
	}
	return nil
}

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

// writable returns why a file cannot be written or made. It leaves no file.
func writable(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		return file.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return show.Cause(err)
	}
	file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return show.Cause(err)
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
