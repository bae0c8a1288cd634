package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/progress"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

// A job is one run of the command.
type job struct {
	*config
	terminal
	target   target
	progress *progress.Progress
	source   *source.Source
	mapping  string // SQL; empty: all of the source

	likePreset  string // for which the source looks made; empty: for none, or it is said
	otherPreset string // for which it looks made where -preset names another one
	files       files
	stage       *stage.Stage
	begun       bool // something may have been sent
	report      report
}

// run does what the arguments say, and returns the exit status. When ctx ends it
// finishes what is in flight, and when stop ends it does not.
func run(ctx, stop context.Context, args []string, t terminal) int {
	c, err := parseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		usage(t.out, t.command)
		return t.ended(exitOK, t.out.failed())
	}
	if err != nil {
		return t.ended(exitFailed, err)
	}
	if err := c.distinct(c.state, c.rejects); err != nil { // before any is opened
		return t.ended(exitFailed, err)
	}
	file, err := openReport(c.report)
	if err != nil {
		return t.ended(exitFailed, err)
	}
	j := &job{config: c, terminal: t, progress: progress.New(t.err, t.errWidth)}
	status, err := j.do(ctx, stop)
	return t.ended(status, j.withValues(errors.Join(err, file.write(&j.report))))
}

// ended says what went wrong, and returns the exit status.
func (t terminal) ended(status int, err error) int {
	if err == nil {
		return status
	}
	t.fail(err)
	if status == exitInterrupted {
		return status
	}
	return exitFailed
}

// withValues is for an error that may quote values, which -show-values asks for. The
// report has none.
func (j *job) withValues(err error) error {
	if err == nil || !j.showValues {
		return err
	}
	return errors.New(duck.WithValues(err))
}

// fail writes an error, each line of which is one.
func (t terminal) fail(err error) {
	for line := range strings.SplitSeq(show.WithoutPasswords(err.Error()), "\n") {
		fmt.Fprintln(t.err, "altertable-import:", show.Text(line, 2000))
	}
}

// do does all but the report's file.
func (j *job) do(ctx, stop context.Context) (int, error) {
	began := time.Now()
	status, err := j.checkAndImport(ctx, stop)
	j.progress.Stop()
	if err != nil && ctx.Err() != nil && !j.begun {
		status, err = exitInterrupted, errors.New("interrupted, and nothing was sent: run the same command again")
	}
	err = errors.Join(err, j.out.failed())
	if err != nil {
		j.report.Error = show.WithoutPasswords(err.Error())
	}
	if j.report.DryRun {
		j.report.Seconds = time.Since(began).Seconds()
	}
	return status, err
}

// checkAndImport checks all that can be checked without the rows, and opens a
// database for them. With an error the status is exitFailed.
func (j *job) checkAndImport(ctx, stop context.Context) (status int, err error) {
	if j.target, err = readTarget(j.getenv, j.config.environment); err != nil {
		return exitFailed, err
	}
	if err := j.checkShowValues(); err != nil {
		return exitFailed, err
	}
	if err := j.chooseSource(); err != nil {
		return exitFailed, err
	}
	if j.printSQL {
		return j.print(ctx)
	}
	j.report.DryRun = j.dryBecause() != ""
	if err := j.checkPlaces(); err != nil {
		return exitFailed, err
	}
	db, err := duck.Open(ctx, j.temp)
	if err != nil {
		return exitFailed, err
	}
	defer func() {
		if closed := db.Close(); err == nil && closed != nil {
			status, err = exitFailed, closed
		}
	}()
	return j.importRows(ctx, stop, db)
}

// importRows loads the rows, and then looks at them or sends them.
func (j *job) importRows(ctx, stop context.Context, db *duck.DB) (int, error) {
	if err := j.load(ctx, db); err != nil {
		return exitFailed, err
	}
	if j.dryBecause() != "" {
		return j.look(ctx)
	}
	if j.stage.Guessed { // the survey of a dry run says it
		j.progress.Say(fmt.Sprintf("Rows are read as %s, by the column %s (see -as)", j.stage.As, show.Text(j.stage.Because, 60)))
	}
	if advice := j.presetAdvice(); advice != "" {
		j.progress.Say(advice)
	}
	if j.to == "local" {
		return j.sendLocal(ctx, stop, db)
	}
	return j.send(ctx, stop)
}

// load reads and sorts the rows.
func (j *job) load(ctx context.Context, db *duck.DB) error {
	text := "Reading " + show.Text(j.source.Name, 60)
	if j.source.Bytes > 0 {
		text += ", " + show.Bytes(j.source.Bytes)
	}
	j.progress.Start(text, nil)
	if err := j.source.Load(ctx, db); err != nil {
		return err
	}
	if err := j.chooseMapping(ctx, db); err != nil {
		return err
	}
	j.recognize(ctx, db)
	j.progress.Start("Sorting", nil)
	built, err := stage.Build(ctx, db, j.source, stage.Options{
		Mapping: j.mapping, As: j.as, Only: j.endpoints, Since: j.from, Until: j.end,
		TraitsNow: j.traitsNow, Environment: j.target.environment, Enqueued: j.dryBecause() == "",
	})
	if err != nil && j.likePreset != "" && ctx.Err() == nil {
		return fmt.Errorf("%w. Or is it an export of another tool? Then say -preset %s", err, j.likePreset)
	}
	if err != nil {
		return err
	}
	j.progress.Stop()
	j.stage = built
	j.report.Rows, j.report.Messages, j.report.LeftOut = built.SourceRows, built.Messages, built.LeftOut
	return nil
}
