package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/altertable-ai/altertable-go/importer/internal/reject"
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
