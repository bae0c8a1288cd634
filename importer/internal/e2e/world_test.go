package e2e

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

const (
	apiKey = "pk_e2e_not_to_be_printed"
	// canary is in the values of rows, and must not be in what the command prints.
	canary = "zq7x"
)

// A world is a server, a directory for sources, and one for the command's temporary
// files.
type world struct {
	*ledger
	t       *testing.T
	srv     *altertabletest.Server
	dir     string
	temp    string
	env     []string
	secrets []string
	sqlite  bool // the source is a file of SQLite
}

func newWorld(t *testing.T, opts ...altertabletest.Option) *world {
	t.Helper()
	t.Parallel()
	w := &world{ledger: &ledger{}, t: t, dir: t.TempDir(), temp: t.TempDir(), secrets: []string{apiKey, canary}}
	w.srv = altertabletest.NewServer(append(opts, altertabletest.WithObserver(w.observe), altertabletest.WithBodyHistory(0))...)
	t.Cleanup(w.srv.Close)
	w.env = []string{"ALTERTABLE_API_KEY=" + apiKey, "ALTERTABLE_BASE_URL=" + w.srv.URL, "TMPDIR=" + w.temp, "GORACE=atexit_sleep_ms=0"}
	t.Cleanup(func() {
		left, err := os.ReadDir(w.temp)
		assert.NoError(t, err)
		assert.Empty(t, left, "left in the temporary directory")
	})
	return w
}

// file writes a file and returns its path.
func (w *world) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (w *world) read(path string) string {
	w.t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(w.t, err)
	return string(text)
}

// A report is what the command writes with -report.
type report struct {
	Rows       int64            `json:"rows"`
	Messages   int64            `json:"messages"`
	LeftOut    int64            `json:"left_out"`
	Delivered  int64            `json:"delivered"`
	Earlier    int64            `json:"earlier"`
	Rejected   map[string]int64 `json:"rejected"`
	Duplicates int64            `json:"possible_duplicates"`
	Bytes      int64            `json:"bytes"`
	Seconds    float64          `json:"seconds"`
	Finished   bool             `json:"finished"`
}

func (r *report) refused() (n int64) {
	for _, count := range r.Rejected {
		n += count
	}
	return n
}

// A result is what a run has left behind.
type result struct {
	code           int
	stdout, stderr string
	report         *report // nil: there is none
}

func (r result) said() string { return r.stdout + r.stderr }

func (w *world) start(args ...string) *process {
	w.t.Helper()
	return launch(w.t, nil, w.env, args...)
}

// run runs the command to its end, looks through what it said, and reads its report.
func (w *world) run(args ...string) result {
	w.t.Helper()
	return w.pipe(nil, args...)
}

func (w *world) pipe(stdin io.Reader, args ...string) result {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "report.json")
	p := launch(w.t, stdin, w.env, append([]string{"-report", path}, args...)...)
	p.wait()
	return w.result(p, path)
}

// result is that of a process that has ended.
func (w *world) result(p *process, reportPath string) result {
	w.t.Helper()
	r := result{code: p.wait(), stdout: p.stdout.String(), stderr: p.stderr.String()}
	if !slices.Contains(p.cmd.Args, "-show-values") {
		p.silent(w.secrets...)
	}
	text, err := os.ReadFile(reportPath)
	if os.IsNotExist(err) {
		return r
	}
	require.NoError(w.t, err)
	r.report = &report{}
	require.NoError(w.t, json.Unmarshal(text, r.report), "%s", text)
	for _, s := range w.secrets {
		assert.NotContains(w.t, string(text), s)
	}
	return r
}

// ok runs the command and requires that all went well.
func (w *world) ok(args ...string) result {
	w.t.Helper()
	r := w.run(args...)
	require.Zero(w.t, r.code, "%v\n%s", args, tail(r.said()))
	require.NotNil(w.t, r.report, "no report")
	require.True(w.t, r.report.Finished)
	return r
}

// refused runs the command and requires that it ended with a sentence that has each
// of the words, and sent nothing.
func (w *world) refused(code int, words []string, args ...string) result {
	w.t.Helper()
	before := w.stored()
	r := w.run(args...)
	assert.Equal(w.t, code, r.code, "%v\n%s", args, tail(r.said()))
	for _, word := range words {
		assert.Contains(w.t, strings.ToLower(r.stderr), strings.ToLower(word), "%v", args)
	}
	assert.Equal(w.t, before, w.stored(), "%v: it sent something", args)
	return r
}
