package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A report is what became of an import, over all its runs.
type report struct {
	DryRun     bool             `json:"dry_run"`
	Rows       int64            `json:"rows"`     // of the source
	Messages   int64            `json:"messages"` // that they make
	LeftOut    int64            `json:"left_out"` // rows, by -only, -since and -until
	Delivered  int64            `json:"delivered"`
	Earlier    int64            `json:"earlier"` // of these, by earlier runs
	Rejected   map[string]int64 `json:"rejected"`
	Duplicates int64            `json:"possible_duplicates"`
	Bytes      int64            `json:"bytes"`    // of the messages delivered
	Seconds    float64          `json:"seconds"`  // of sending; of a dry run, all of them
	Finished   bool             `json:"finished"` // all was sent or refused; of a dry run, looked at
	Error      string           `json:"error,omitempty"`

	// Days are a dry run's counts by day and event.
	Days map[string]map[string]int64 `json:"days,omitempty"`
}

// refused is how many messages were refused.
func (r *report) refused() (n int64) {
	for _, count := range r.Rejected {
		n += count
	}
	return n
}

// A reportFile is a report's place. A nil one is none.
type reportFile struct {
	path   string   // without symbolic links
	device *os.File // or a pipe, that is at path; nil: a file is, or will be
}

// openReport asks whether a report can be written, before anything is sent. It
// leaves no file.
func openReport(path string) (*reportFile, error) {
	if path == "" {
		return nil, nil
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	r := &reportFile{path: path}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("-report %s is a directory: name a file", path)
	case err == nil && !info.Mode().IsRegular():
		r.device, err = os.OpenFile(path, os.O_WRONLY, 0)
	default:
		err = tryBeside(path)
	}
	if err != nil {
		return nil, unwrittenReport(path, err)
	}
	return r, nil
}

func unwrittenReport(path string, err error) error {
	return show.Unwritten(path, err, "name another file with -report")
}

// write writes the report.
func (r *reportFile) write(v *report) error {
	if r == nil {
		return nil
	}
	if v.Rejected == nil {
		v.Rejected = map[string]int64{}
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return unwrittenReport(r.path, err)
	}
	text = append(text, '\n')
	if r.device != nil {
		_, err = r.device.Write(text)
		return unwrittenReport(r.path, errors.Join(err, r.device.Close()))
	}
	return unwrittenReport(r.path, replace(r.path, text))
}

// replace writes a file and renames it: nobody finds half of one.
func replace(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
