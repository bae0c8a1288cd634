package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
	"github.com/altertable-ai/altertable-go/relay/internal/drain"
)

func TestNothingMovesTheCursor(t *testing.T) {
	assert.Equal(t, "a?[31mb?c?", plain("a\x1b[31mb\nc\u009b"))
	assert.Equal(t, "a?b?c", plain("a\u202eb\xffc"))
	assert.Equal(t, "größe 1 ☃", plain("größe 1 ☃"))
}

// An environment that does not exist has a name that a producer made up.
func TestAStatusMovesNoCursor(t *testing.T) {
	hostile := "x\x1b]0;owned\a\u009b2J" + strings.Repeat("y", 1<<20)
	s := status{Reason: hostile, Tenants: []tenantStatus{
		{Name: "acme", Drain: &drain.Status{Missing: []string{hostile}, MissingCount: 1}},
		{Name: "other", Error: hostile},
	}}
	var out strings.Builder
	require.NoError(t, s.write(&out))
	assert.Equal(t, plain(strings.ReplaceAll(out.String(), "\n", " ")), strings.ReplaceAll(out.String(), "\n", " "))
	assert.Contains(t, out.String(), "environment-not-found")
}

func TestAShownLetterMovesNoCursor(t *testing.T) {
	message := "{\"a\":\"x\u009b2J\x7f\u202e☃\u2028\"}"
	letters := listed{{Endpoint: "track\x1b[2J", Message: json.RawMessage(message), Reason: "x", Code: "400"}}
	var out strings.Builder
	require.NoError(t, showLetters(t.Context(), letters, deadletter.Filter{}, deadCall{}, terminal{out: &out, err: io.Discard}))
	line := strings.TrimSuffix(out.String(), "\n")
	assert.Equal(t, plain(line), line)
	assert.Contains(t, line, "☃")
	var r raw
	require.NoError(t, json.Unmarshal([]byte(line), &r))
	assert.JSONEq(t, message, string(r.Message))
	assert.Equal(t, letters[0].Endpoint, r.Endpoint)

	out.Reset()
	require.NoError(t, listLetters(t.Context(), letters, deadletter.Filter{}, deadCall{}, terminal{out: &out, err: &out}))
	assert.NotContains(t, out.String(), "\x1b")
}

// listed is a target that has letters.
type listed []deadletter.Letter

func (l listed) tenants(context.Context) ([]string, error) { return []string{"acme"}, nil }

func (l listed) status(context.Context) (status, error) { return status{}, nil }

func (l listed) list(_ context.Context, _ deadletter.Filter, _ bool, each func(deadletter.Letter) error) error {
	for _, one := range l {
		if err := each(one); err != nil {
			return err
		}
	}
	return nil
}

func (l listed) change(context.Context, string, deadletter.Filter) (int, error) { return 0, nil }

func (l listed) close() {}
