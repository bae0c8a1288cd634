package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
	"github.com/altertable-ai/altertable-go/local/server"
)

// A console is the server of -to local.
type console interface {
	URL() string
	Failed() <-chan struct{}
	Close() error
}

// startLocal starts a server at its usual port, or at another one if that is
// taken.
func startLocal(environments []string, log func(string)) (console, error) {
	c := server.Config{Port: server.DefaultPort, Environments: environments, Log: log}
	s, err := server.Start(c)
	if errors.Is(err, server.ErrPortInUse) {
		c.Port = 0
		s, err = server.Start(c)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// sendLocal sends to a server within the process, and waits for an interrupt.
func (j *job) sendLocal(ctx, stop context.Context, db *duck.DB) (int, error) {
	v, err := j.survey(ctx)
	if err != nil {
		return exitFailed, err
	}
	environments := v.Environments()
	if len(environments) == 0 {
		environments = []string{j.target.environment}
	}
	c, err := j.local(environments, j.progress.Say)
	if err != nil {
		return exitFailed, fmt.Errorf("the local server does not start: %w", err)
	}
	status, err := j.fill(ctx, stop, db, c)
	if err == nil && status != exitInterrupted {
		fmt.Fprintf(j.out, "\nConsole: %s/\nIt stays until you press Ctrl-C, and is forgotten then.\n", c.URL())
		if j.out.failed() == nil { // else nobody knows where it is
			select {
			case <-ctx.Done():
			case <-c.Failed():
			}
		}
	}
	if closed := c.Close(); err == nil && closed != nil {
		return exitFailed, closed
	}
	return status, err
}

// fill sends to the console's server. Nothing is noted.
func (j *job) fill(ctx, stop context.Context, db *duck.DB, c console) (int, error) {
	j.target = target{key: "local", baseURL: c.URL(), environment: j.target.environment}
	rejects := j.files.rejects
	if rejects == "" {
		rejects = filepath.Join(db.Dir, "rejects.ndjson")
	}
	st, err := state.Open("", state.Import{Source: j.source.Name, Messages: j.stage.Messages})
	if err != nil {
		return exitFailed, err
	}
	status, err := j.deliver(ctx, stop, st, rejects)
	if err == nil && j.files.rejects == "" && j.report.refused() > 0 {
		fmt.Fprintf(j.out, "\n%s refused: -rejects FILE keeps them.\n", show.Counted(j.report.refused(), "row"))
	}
	return status, errors.Join(err, st.Close())
}
