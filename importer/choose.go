package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"os"
	"path/filepath"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/preset"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

// sampleRows is what a command without arguments looks at.
//
//go:embed testdata/sample.csv
var sampleRows []byte

// forSample are the flags that make sense for it.
var forSample = map[string]bool{"to": true, "dry-run": true, "show-values": true, "traits-now": true}

// chooseSource finds the source, and reads the variables.
func (j *job) chooseSource() (err error) {
	if j.target, err = readTarget(j.getenv, j.config.environment); err != nil {
		return err
	}
	spec := source.Spec{
		Paths: j.paths, SQL: j.sql, Table: j.table, Format: j.format, Delimiter: j.delimiter, Encoding: j.encoding, Stdin: j.in, Ours: ourSuffixes,
	}
	if len(j.paths) == 0 && j.sql == "" {
		for name := range j.given {
			if !forSample[name] {
				return errors.New("name a file to import, - for standard input, or a query with -sql: -h has examples")
			}
		}
		j.sample = true
		path, err := j.files.sample()
		if err != nil {
			return err
		}
		spec.Paths = []string{path}
	}
	if j.source, err = source.Find(spec); err != nil {
		return err
	}
	if j.source.Note != "" {
		j.progress.Say(show.Text(j.source.Note, 400))
	}
	return nil
}

// chooseMapping takes the query over files, or makes the preset's SQL for the
// columns that the source has.
func (j *job) chooseMapping(ctx context.Context, db *duck.DB) error {
	j.mapping = j.source.Mapping
	switch {
	case j.preset == "" && j.mapping == "":
		return nil
	case j.source.Raw:
		return errors.New("the source has messages already, as files of rejects and dead letters have: leave -preset and -sql out")
	case j.preset == "":
		return nil
	}
	columns, err := columnsOf(ctx, db, "SELECT * FROM source")
	if err != nil {
		return err
	}
	j.mapping, err = j.presetSQL(columns)
	return err
}

// presetSQL is the preset's SQL for a source with these columns.
func (j *job) presetSQL(columns []string) (string, error) {
	s := preset.Source{JSON: j.source.JSON, Columns: columns, Names: []string{j.table}}
	if j.table == "" {
		paths, err := source.Expand(j.paths, ourSuffixes)
		if err != nil {
			return "", err
		}
		s.Names = nil
		for _, path := range paths {
			s.Names = append(s.Names, filepath.Base(path))
		}
	}
	sql, err := preset.SQL(j.preset, s)
	if err != nil {
		return "", cmp.Or(stage.NoHeader(j.source, columns), err)
	}
	return sql, nil
}

// sample writes the sample into a directory of its own.
func (f *files) sample() (string, error) {
	dir, err := os.MkdirTemp("", "altertable-sample-")
	if err != nil {
		return "", unwrittenSample(err)
	}
	f.remove = append(f.remove, dir)
	path := filepath.Join(dir, "sample.csv")
	if err := os.WriteFile(path, sampleRows, 0o600); err != nil {
		return "", unwrittenSample(err)
	}
	return path, nil
}

func unwrittenSample(err error) error {
	return show.Unwritten("the sample", err, "make room in "+os.TempDir()+", or name a file of yours")
}
