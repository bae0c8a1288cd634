package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A report is what became of an import, over all its runs.
type report struct {
	Rows       int64            `json:"rows"`     // of the source
	Messages   int64            `json:"messages"` // that they make
	LeftOut    int64            `json:"left_out"` // rows, by -only, -since and -until
	Delivered  int64            `json:"delivered"`
	Earlier    int64            `json:"earlier"` // of these, by earlier runs
	Rejected   map[string]int64 `json:"rejected"`
	Duplicates int64            `json:"possible_duplicates"`
	Bytes      int64            `json:"bytes"` // of the messages delivered
	Seconds    float64          `json:"seconds"`
	Finished   bool             `json:"finished"`
	DryRun     bool             `json:"dry_run,omitempty"`
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

// A reportFile is a report's place, made before anything is sent. A nil one is
// none.
type reportFile struct {
	path string   // without symbolic links
	file *os.File // beside it; of a device or a pipe itself
	own  bool     // file is to be renamed
}

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
		r.file, err = os.OpenFile(path, os.O_WRONLY, 0)
	default:
		r.own = true
		r.file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	}
	if err != nil {
		return nil, fmt.Errorf("-report %s cannot be written: %w", path, show.Cause(err))
	}
	return r, nil
}

// write writes the report and renames the file: nobody finds half of one.
func (r *reportFile) write(v *report) error {
	if r == nil {
		return nil
	}
	if v.Rejected == nil {
		v.Rejected = map[string]int64{}
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = r.file.Write(append(text, '\n'))
	}
	if closed := r.file.Close(); err == nil {
		err = closed
	}
	if err == nil && r.own {
		err = os.Rename(r.file.Name(), r.path)
	}
	if err != nil {
		if r.own {
			_ = os.Remove(r.file.Name())
		}
		return fmt.Errorf("-report %s cannot be written: %w", r.path, show.Cause(err))
	}
	return nil
}
