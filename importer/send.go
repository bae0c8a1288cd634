package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/altertable-ai/altertable-go/importer/internal/deliver"
	"github.com/altertable-ai/altertable-go/importer/internal/progress"
	"github.com/altertable-ai/altertable-go/importer/internal/reject"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

// send is the import.
func (j *job) send(ctx, stop context.Context) (status int, err error) {
	st, err := j.openState(ctx)
	if err != nil {
		return exitFailed, err
	}
	defer func() {
		if closed := st.Close(); err == nil && closed != nil {
			status, err = exitFailed, closed
		}
	}()
	return j.deliver(ctx, stop, st, j.files.rejects)
}

// deliver sends what the state has not noted, and reports.
func (j *job) deliver(ctx, stop context.Context, st *state.State, rejectsPath string) (int, error) {
	var rejects *reject.File
	if st.Next() < st.Messages() { // else their file may have been moved away
		var err error
		if rejects, err = j.openRejects(rejectsPath, st.Last()); err != nil {
			return exitFailed, err
		}
	}
	j.begun = true
	result, err := j.deliverWithProgress(ctx, stop, st, rejects)
	if rejects != nil {
		if closed := rejects.Close(); err == nil {
			err = closed
		}
	}
	j.report.Delivered, j.report.Earlier, j.report.Rejected = result.Delivered, result.Earlier, result.Rejected
	j.report.Duplicates, j.report.Bytes = result.Duplicates, result.Bytes
	j.report.Seconds, j.report.Finished = result.Seconds, result.Finished
	j.printReport(result.Interrupted)
	switch {
	case err != nil:
		return exitFailed, err
	case result.Interrupted && !result.Finished:
		return exitInterrupted, nil
	case j.report.refused() > 0:
		return exitRefused, nil
	}
	return exitOK, nil
}

// openRejects opens the file of rejects. Where somebody has moved it away, -force
// begins a new one.
func (j *job) openRejects(path string, last state.Note) (*reject.File, error) {
	rejects, err := reject.Open(path, last.Rejects, last.RejectsSum)
	var gone *reject.GoneError
	if j.force && errors.As(err, &gone) {
		return reject.Open(path, 0, "")
	}
	return rejects, err
}

// deliverWithProgress delivers, and shows how far that is.
func (j *job) deliverWithProgress(ctx, stop context.Context, st *state.State, rejects *reject.File) (deliver.Result, error) {
	counters := &deliver.Counters{}
	j.progress.Start("Sending to "+show.Text(j.target.name(), 60), func() progress.Snapshot {
		return progress.Snapshot{
			Done: counters.Done.Load(), Total: j.stage.Messages, Refused: counters.Refused.Load(), Waiting: counters.InFlight.Load(),
		}
	})
	defer j.progress.Stop()
	unhook := context.AfterFunc(ctx, func() {
		j.progress.Say(fmt.Sprintf("Interrupted: what is in flight is finished first, for %s at most. Once more ends at once.", show.Seconds(deliver.GracePeriod.Seconds())))
	})
	defer unhook()
	return deliver.Run(ctx, stop, j.stage, st, rejects, deliver.Options{
		Key: j.target.key, BaseURL: j.target.baseURL, Environment: j.target.environment, InsecureHTTP: j.target.insecureHTTP, Rate: j.rate,
		Logger: slog.New(sentences{say: j.progress.Say}),
	}, counters)
}
