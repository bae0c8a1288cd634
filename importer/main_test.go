package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/local/server"
)

func TestMain(m *testing.M) {
	server.Engine() // of the tests of -to local
	goleak.VerifyTestMain(m)
}

const testKey = "pk_not_to_be_printed"

// An output may be read while the command runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	on   func(text string) // told all that was written
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	n, err := o.text.Write(p)
	text, on := o.text.String(), o.on
	o.mu.Unlock()
	if on != nil {
		on(text)
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// A shell runs the command within the process.
type shell struct {
	t         *testing.T
	variables map[string]string
	in        io.Reader
	out, err  *output
	to        io.Writer // in place of out
	report    string    // of -report, if it is not empty
	local     func(environments []string, log func(string)) (console, error)
	ctx, stop context.Context
	temp      string
}

// newShell has a key for srv, or none if srv is nil.
func newShell(t *testing.T, srv *altertabletest.Server) *shell {
	t.Helper()
	s := &shell{t: t, variables: map[string]string{}, in: strings.NewReader(""), ctx: context.Background(), stop: context.Background(), temp: t.TempDir()}
	t.Setenv("TMPDIR", s.temp)
	if srv != nil {
		s.variables["ALTERTABLE_API_KEY"], s.variables["ALTERTABLE_BASE_URL"] = testKey, srv.URL
	}
	return s
}

func newServer(t *testing.T, options ...altertabletest.Option) *altertabletest.Server {
	t.Helper()
	srv := altertabletest.NewServer(options...)
	t.Cleanup(srv.Close)
	return srv
}

// run runs the command and returns its exit status.
func (s *shell) run(args ...string) int {
	s.t.Helper()
	if s.out == nil {
		s.out = &output{}
	}
	if s.err == nil {
		s.err = &output{}
	}
	s.out.text.Reset()
	s.err.text.Reset()
	if s.report != "" {
		args = append([]string{"-report", s.report}, args...)
	}
	to := s.to
	if to == nil {
		to = s.out
	}
	status := run(s.ctx, s.stop, args, terminal{
		command: "altertable-import", getenv: func(name string) string { return s.variables[name] },
		in: s.in, out: &results{to: to}, err: s.err, local: s.local,
	})
	assert.NotContains(s.t, s.said(), testKey)
	left, err := os.ReadDir(s.temp)
	require.NoError(s.t, err)
	assert.Empty(s.t, left, "left in the temporary directory")
	return status
}

func (s *shell) said() string { return s.out.String() + s.err.String() }

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func readReport(t *testing.T, path string) report {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var r report
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&r))
	return r
}

// clean has 4 rows that can be sent, and faulty 2 of 4.
const (
	clean = `endpoint,event,distinct_id,timestamp,plan,seats
identify,,u_1,2026-01-01T08:00:00Z,pro,
track,signed_up,u_1,2026-01-01T08:00:01Z,,
track,plan_upgraded,u_1,2026-01-02T08:00:00Z,,5
track,signed_up,u_2,2026-01-03T08:00:00Z,,
`
	faulty = `event,distinct_id,timestamp,seats
signed_up,u_1,2026-01-01T08:00:01Z,1
signed_up,hunter2@example.com,yesterday,2
signed_up,null,2026-01-01T08:00:01Z,3
plan_upgraded,u_2,2026-01-02T08:00:00Z,4
`
)
