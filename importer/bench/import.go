package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/deliver"
	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

// importFile does what the command does with a file.
func importFile(ctx context.Context, url, path string) (err error) {
	debug.SetGCPercent(200)
	began := time.Now()
	step := func(name string) {
		fmt.Fprintf(os.Stderr, "  %-8s %6.2f s\n", name, time.Since(began).Seconds())
		began = time.Now()
	}
	db, err := duck.Open(ctx, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err := source.Find(source.Spec{Paths: []string{path}})
	if err != nil {
		return err
	}
	if err := found.Load(ctx, db); err != nil {
		return err
	}
	step("load")
	rows, err := stage.Build(ctx, db, found, stage.Options{})
	if err != nil {
		return err
	}
	step("sort")
	digest, err := rows.Digest(ctx, rows.Rows)
	if err != nil {
		return err
	}
	step("digest")
	st, err := state.Open(path+".import-state", state.Import{Source: found.Name, Rows: rows.Rows, Digest: digest, Target: url})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	result, err := deliver.Run(ctx, ctx, rows, st, nil, deliver.Options{Key: key, BaseURL: url, Logger: slog.Default()}, nil)
	if err == nil && result.Delivered != rows.Rows {
		err = fmt.Errorf("%d of %d rows were delivered", result.Delivered, rows.Rows)
	}
	step("deliver")
	return err
}
