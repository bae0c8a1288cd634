package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/deliver"
	"github.com/altertable-ai/altertable-go/importer/internal/reject"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

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
		RejectsBeside: j.files.rejectsBesideState,
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
		"as": j.as, "preset": j.preset, "sql": j.sql, "table": cmp.Or(j.source.Table, j.table), "only": strings.Join(kinds, ","), "environment": j.target.environment,
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
