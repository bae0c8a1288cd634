package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
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

// isSample reports whether there is no source but the sample.
func (c *config) isSample() bool { return len(c.paths) == 0 && c.sql == "" }

// chooseSource finds the source.
func (j *job) chooseSource() (err error) {
	spec := source.Spec{
		Paths: j.paths, SQL: j.sql, Table: j.table, Format: j.format, Delimiter: j.delimiter, Encoding: j.encoding, Stdin: j.in, Ours: ourSuffixes,
	}
	if j.isSample() {
		for name := range j.given {
			if !forSample[name] {
				return errors.New("name a file to import, - for standard input, or a query with -sql: -h has examples")
			}
		}
		spec.Paths, spec.Format, spec.Stdin = []string{"-"}, "csv", bytes.NewReader(sampleRows)
	}
	if j.source, err = source.Find(spec); err != nil {
		return err
	}
	if j.isSample() {
		j.source.Name = "the sample"
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
