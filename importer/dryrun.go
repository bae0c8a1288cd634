package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/altertable-ai/altertable-go/importer/internal/progress"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
	"github.com/altertable-ai/altertable-go/importer/internal/survey"
)

const usualWidth = 80

// dryBecause is why nothing is sent; empty: it is.
func (j *job) dryBecause() string {
	switch {
	case j.to == "local":
		return ""
	case j.isSample():
		return "it is a sample"
	case j.dryRun:
		return "of -dry-run"
	case j.target.disabled:
		return "ALTERTABLE_DISABLED is set"
	case j.target.key == "":
		return "ALTERTABLE_API_KEY is not set"
	}
	return ""
}

// checkShowValues refuses -show-values where it would not keep the rows from being
// sent: who asks for values wants to look.
func (j *job) checkShowValues() error {
	if !j.showValues || j.printSQL || j.to == "local" || j.dryBecause() != "" {
		return nil
	}
	return errors.New("-show-values is for a dry run, and this would send all rows: add -dry-run, or leave -show-values out")
}

// look is the dry run.
func (j *job) look(ctx context.Context) (int, error) {
	v, err := j.survey(ctx)
	if err != nil {
		return exitFailed, err
	}
	j.advise(v)
	j.report.Rejected, j.report.Days, j.report.Finished = v.Rejected(), v.Days(), true
	width := j.width()
	head := fmt.Sprintf("Dry run of %s: nothing is sent", show.Text(j.source.Name, max(20, width-60)))
	if !j.dryRun {
		head += ", because " + j.dryBecause()
	}
	head += "."
	if j.isSample() {
		head = "Dry run of a sample, importer/testdata/sample.csv, which is in the command: nothing is sent."
	}
	for _, line := range show.Wrap(head, width) {
		fmt.Fprintln(j.out, line)
	}
	fmt.Fprintln(j.out)
	if err := v.Print(j.out, width, j.showValues); err != nil {
		return exitFailed, err
	}
	j.sayNext()
	if v.Refused > 0 {
		return exitRefused, nil
	}
	return exitOK, nil
}

// width is that of standard output: without a terminal what COLUMNS says.
func (j *job) width() int {
	if j.outWidth > 0 {
		return j.outWidth
	}
	if width, err := strconv.Atoi(j.getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return usualWidth
}

// survey looks at all rows.
func (j *job) survey(ctx context.Context) (*survey.Survey, error) {
	var read atomic.Int64
	j.progress.Start("Looking at all rows", func() progress.Snapshot {
		return progress.Snapshot{Done: read.Load(), Total: j.stage.Messages}
	})
	defer j.progress.Stop()
	return survey.Make(ctx, j.stage, j.target.environment, &read)
}

// sayNext says how to go on after a dry run.
func (j *job) sayNext() {
	if !j.isSample() {
		fmt.Fprintln(j.out)
		next := "Next: with -to local it is in a console on this machine."
		if j.dryRun {
			next = "Next: with -to local instead of -dry-run it is in a console on this machine."
		}
		for _, line := range show.Wrap(next+" Without either, and with a key in ALTERTABLE_API_KEY, it is sent.", min(j.width(), usualWidth)) {
			fmt.Fprintln(j.out, line)
		}
		return
	}
	fmt.Fprintf(j.out, `
Next:
  see the sample in a local console
    %[1]s -to local
  look at a file of yours in this way
    %[1]s -dry-run /path/to/FILE
  all flags, with examples
    %[1]s -h
`, j.command)
}
