package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/altertable-ai/altertable-go/importer/internal/reject"
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
	state, rejects     string
	rejectsBesideState bool
}

// checkPlaces asks whether messages and files can go where they are to go, before
// the source is read.
func (j *job) checkPlaces() error {
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
	if err := state.Unwritten(j.files.state, tryToWrite(j.files.state)); err != nil {
		return err
	}
	if err := reject.Unwritten(j.files.rejects, tryToWrite(j.files.rejects)); err != nil {
		return err
	}
	return j.keepRejects()
}

// nameFiles finds the names that the flags do not say.
func (j *job) nameFiles() error {
	j.files = files{state: j.config.state, rejects: j.config.rejects}
	beside := j.beside()
	if j.files.state == "" {
		if beside == "" {
			return fmt.Errorf("%s needs -state FILE, which notes what was delivered: there is no place beside it", j.source.Name)
		}
		j.files.state = beside + stateSuffix
	}
	if j.files.rejects == "" {
		j.files.nameRejects(beside, j.config.state != "")
	}
	return nil
}

// beside is what the names of files beside the source begin with: with the table,
// as each one of a database is an import of its own. Empty: there is no place.
func (j *job) beside() string {
	if j.source.Path == "" || j.source.Table == "" {
		return j.source.Path
	}
	const most = 100 // bytes; a name of a file has 255
	table := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-.", r) {
			return r
		}
		return '_'
	}, j.source.Table)
	return j.source.Path + "." + strings.ToValidUTF8(table[:min(len(table), most)], "")
}

// nameRejects chooses where rejects go: beside the source, or beside the state that
// -state names where the source's folder takes none. The runs after the first one
// find them in the same place, which the state says.
func (f *files) nameRejects(beside string, ownState bool) {
	f.rejects = beside + rejectsSuffix
	if beside != "" && !ownState {
		return
	}
	var known bool
	if f.rejectsBesideState, known = state.RejectsBeside(f.state); beside == "" || !known {
		f.rejectsBesideState = beside == "" || tryToWrite(f.rejects) != nil
	}
	if f.rejectsBesideState {
		f.rejects = strings.TrimSuffix(f.state, filepath.Ext(f.state)) + rejectsSuffix
	}
}

// nameLocalFiles names the file for what -to local refuses, if -rejects does:
// that beside the source belongs to the import, and may be about to be mended.
func (j *job) nameLocalFiles() error {
	j.files.rejects = j.rejects
	if j.files.rejects == "" {
		return nil
	}
	return reject.Unwritten(j.files.rejects, tryToWrite(j.files.rejects))
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
