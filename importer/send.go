package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

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
	j.began = true
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
		// It is no interrupt, whatever else has happened.
		j.terminal.fail(err)
		j.report.Error = err.Error()
		return exitFailed, nil
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
		Logger: slog.New(slog.NewTextHandler(j.progress, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, counters)
}

// openState opens the state, of an import that may have changed if -force says
// so.
func (j *job) openState(ctx context.Context) (*state.State, error) {
	j.progress.Start("Comparing with the state", nil)
	defer j.progress.Stop()
	about, err := j.about(ctx)
	if err != nil {
		return nil, err
	}
	st, err := state.Open(j.files.state, about)
	var changed *state.ChangedError
	if !errors.As(err, &changed) {
		return st, err
	}
	prefix, err := deliver.Verify(ctx, j.stage, changed.Next)
	if err != nil {
		return nil, err
	}
	next := int64(0)
	if prefix != "" && prefix == changed.Prefix {
		next = changed.Next
	}
	does := changed.Compared(next)
	if !j.force {
		return nil, changed
	}
	if next == 0 {
		if err := reject.Discard(j.files.rejects, changed.Rejects, changed.RejectsSum); err != nil {
			return nil, err
		}
	}
	j.progress.Say(does + ".")
	return state.Force(j.files.state, about, next)
}

// about says what must not change while an import goes on.
func (j *job) about(ctx context.Context) (state.Import, error) {
	digest, err := j.stage.Digest(ctx, j.stage.Messages)
	if err != nil {
		return state.Import{}, err
	}
	flags := j.mappingFlags()
	return state.Import{
		Source: j.source.Name, Messages: j.stage.Messages, Digest: digest, Engine: j.stage.Engine, Mapping: hashOf(flags),
		Target: j.target.name(), Key: hash("key", j.target.key, j.target.baseURL), Flags: flags,
	}, nil
}

// mappingFlags are those that make other messages of the same rows.
func (j *job) mappingFlags() map[string]string {
	kinds := make([]string, 0, len(j.endpoints))
	for kind := range j.endpoints {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	flags := map[string]string{
		"as": j.as, "preset": j.preset, "sql": j.sql, "table": j.table, "only": strings.Join(kinds, ","), "environment": j.target.environment,
	}
	if !j.from.IsZero() {
		flags["since"] = j.from.Format(time.RFC3339Nano)
	}
	if !j.end.IsZero() {
		flags["until"] = j.end.Format(time.RFC3339Nano)
	}
	if j.traitsNow {
		flags["traits-now"] = "true"
	}
	return flags
}

func hashOf(flags map[string]string) string {
	var parts []string
	for name, value := range flags {
		parts = append(parts, name+"="+value)
	}
	slices.Sort(parts)
	return hash(parts...)
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
