package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestImport(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source, reportPath := write(t, "events.csv", clean), filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitOK, s.run("-report", reportPath, source), s.said())
	require.Len(t, srv.Events(), 3)
	srv.RequireEvent(t, altertabletest.Want{Event: "plan_upgraded", DistinctID: "u_1", Properties: map[string]any{"seats": 5}})
	person, ok := srv.Identity("production", "u_1")
	require.True(t, ok)
	assert.Equal(t, "pro", person.Traits["plan"])

	r := readReport(t, reportPath)
	assert.Positive(t, r.Bytes)
	assert.Positive(t, r.Seconds)
	r.Bytes, r.Seconds = 0, 0
	assert.Equal(t, report{Rows: 4, Messages: 4, Delivered: 4, Rejected: map[string]int64{}, Finished: true}, r)
	assert.Contains(t, s.out.String(), "delivered     4 of 4 messages\n")
	assert.Contains(t, s.out.String(), "-traits-now", "the identify has a timestamp")
	assert.NotContains(t, s.out.String(), "Run the same command")
	assert.NoFileExists(t, source+rejectsSuffix)

	require.Equal(t, exitOK, s.run("-report", reportPath, source), "again")
	assert.Len(t, srv.Events(), 3)
	assert.EqualValues(t, 4, readReport(t, reportPath).Earlier)
	assert.Contains(t, s.out.String(), "4 of them by earlier runs")
}

func TestRefusedRows(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source, reportPath := write(t, "events.csv", faulty), filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitRefused, s.run(source, "-report", reportPath), s.said())
	assert.Len(t, srv.Events(), 2)
	r := readReport(t, reportPath)
	assert.EqualValues(t, 2, r.refused())
	assert.Len(t, r.Rejected, 2)
	assert.True(t, r.Finished)
	assert.Contains(t, s.out.String(), "altertable-import "+source+rejectsSuffix)
	assert.NotContains(t, s.said(), "hunter2")
	assert.FileExists(t, source+rejectsSuffix)
	require.NoError(t, os.Remove(source+rejectsSuffix))
	assert.Equal(t, exitRefused, s.run(source), "a finished import does not need the file any more")
}

func TestDryRun(t *testing.T) {
	srv := newServer(t)
	for name, test := range map[string]struct {
		variables map[string]string
		args      []string
		because   string
	}{
		"asked for": {map[string]string{"ALTERTABLE_API_KEY": testKey}, []string{"-dry-run"}, "."},
		"no key":    {nil, nil, ", because ALTERTABLE_API_KEY is not set."},
		"disabled":  {map[string]string{"ALTERTABLE_API_KEY": testKey, "ALTERTABLE_DISABLED": "true"}, nil, ", because ALTERTABLE_DISABLED is set."},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, srv)
			delete(s.variables, "ALTERTABLE_API_KEY")
			for name, value := range test.variables {
				s.variables[name] = value
			}
			source := write(t, "events.csv", clean)
			require.Equal(t, exitOK, s.run(append(test.args, source)...), s.said())
			assert.Equal(t, "Dry run of events.csv: nothing is sent"+test.because, strings.SplitN(s.out.String(), "\n", 2)[0])
			assert.Contains(t, s.out.String(), "1 identify, 3 tracks")
			assert.NotContains(t, s.out.String(), "u_1")
			reportPath := filepath.Join(t.TempDir(), "report.json")
			source = write(t, "events.csv", faulty)
			require.Equal(t, exitRefused, s.run(append(test.args, "-report", reportPath, source)...), s.said())
			assert.NotContains(t, s.said(), "hunter2")
			r := readReport(t, reportPath)
			assert.True(t, r.DryRun)
			assert.False(t, r.Finished)
			assert.EqualValues(t, 2, r.refused())
			assert.Equal(t, map[string]map[string]int64{"2026-01-01": {"signed_up": 1}, "2026-01-02": {"plan_upgraded": 1}}, r.Days)
			files, err := os.ReadDir(filepath.Dir(source))
			require.NoError(t, err)
			assert.Len(t, files, 1, "a dry run leaves no files")
		})
	}
	assert.Empty(t, srv.Requests())
}

func TestShowValues(t *testing.T) {
	s := newShell(t, nil)
	require.Equal(t, exitOK, s.run("-show-values", write(t, "events.csv", clean)))
	assert.Contains(t, s.out.String(), `distinct_id: "u_1"`)
	assert.Contains(t, s.out.String(), `seats: 5`)
}

func TestWithoutArguments(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv) // a key changes nothing
	require.Equal(t, exitOK, s.run(), s.said())
	assert.Contains(t, s.out.String(), "Dry run of a sample, importer/testdata/sample.csv")
	for _, next := range []string{"altertable-import -to local\n", "altertable-import -dry-run /path/to/FILE\n", "altertable-import -h\n"} {
		assert.Contains(t, s.out.String(), next)
	}
	assert.Equal(t, exitOK, s.run("-dry-run", "-show-values"))
	assert.Equal(t, exitFailed, s.run("-rate", "5"))
	assert.Contains(t, s.err.String(), "name a file to import")
	assert.Empty(t, srv.Requests())
}

func TestStandardInput(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	s.in = strings.NewReader(clean)
	require.Equal(t, exitFailed, s.run("-format", "csv", "-"))
	assert.Contains(t, s.err.String(), "standard input needs -state FILE")
	s.in = strings.NewReader(faulty)
	state := filepath.Join(t.TempDir(), "input.state")
	require.Equal(t, exitRefused, s.run("-format", "csv", "-state", state, "-"), s.said())
	assert.Len(t, srv.Events(), 2)
	assert.FileExists(t, filepath.Join(filepath.Dir(state), "input"+rejectsSuffix))
}

func TestQueryNeedsState(t *testing.T) {
	s := newShell(t, newServer(t))
	require.Equal(t, exitFailed, s.run("-sql", "SELECT 1 AS distinct_id"))
	assert.Contains(t, s.err.String(), "-state FILE")
	assert.Equal(t, exitOK, newShell(t, nil).run("-sql", "SELECT 'u_1' AS distinct_id, 'pro' AS plan"), "a dry run notes nothing")
}

func TestForce(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	require.Equal(t, exitOK, s.run(source), s.said())
	require.NoError(t, os.WriteFile(source, []byte(clean+"track,signed_up,u_3,2026-01-04T08:00:00Z,,\n"), 0o600))
	require.Equal(t, exitFailed, s.run(source))
	assert.Contains(t, s.err.String(), "-force")
	require.Equal(t, exitOK, s.run("-force", source), s.said())
	assert.Contains(t, s.err.String(), "-force goes on after the first 4 messages")
	assert.Len(t, srv.Events(), 4)

	changed := strings.Replace(clean, ",pro,", ",free,", 1)
	require.NoError(t, os.WriteFile(source, []byte(changed), 0o600))
	require.Equal(t, exitOK, s.run("-force", source), s.said(), "there are fewer rows")
	assert.Contains(t, s.err.String(), "-force starts at the first row")
	assert.Contains(t, s.out.String(), "perhaps twice 5")
	assert.Len(t, srv.Events(), 7)

	require.NoError(t, os.WriteFile(source, []byte(strings.Replace(changed, ",free,", ",team,", 1)), 0o600))
	require.Equal(t, exitOK, s.run("-force", source), s.said(), "there are as many")
	assert.Contains(t, s.err.String(), "-force starts at the first row")
	assert.Contains(t, s.out.String(), "perhaps twice 9")
	assert.Len(t, srv.Events(), 10)
}

func TestTraitsNow(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	began := time.Now()
	require.Equal(t, exitOK, s.run("-traits-now", write(t, "events.csv", clean)), s.said())
	person, ok := srv.Identity("production", "u_1")
	require.True(t, ok)
	assert.Equal(t, "pro", person.Traits["plan"])
	assert.WithinRange(t, person.UpdatedAt, began.Add(-time.Second), time.Now())
	assert.NotContains(t, s.out.String(), "-traits-now", "it needs no advice any more")
}

func TestAnotherTarget(t *testing.T) {
	srv, other := newServer(t), newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	require.Equal(t, exitOK, s.run(source), s.said())
	s.variables["ALTERTABLE_API_KEY"] = "pk_of_another_project"
	reportPath := filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitFailed, s.run("-report", reportPath, source))
	assert.Contains(t, s.err.String(), "the API key is another one")
	assert.Contains(t, readReport(t, reportPath).Error, "the API key is another one", "there is a report of a failure, too")
	assert.NotContains(t, s.said(), "pk_of_another_project")
	s.variables["ALTERTABLE_API_KEY"], s.variables["ALTERTABLE_BASE_URL"] = testKey, other.URL
	require.Equal(t, exitFailed, s.run(source))
	assert.Contains(t, s.err.String(), "the target was "+srv.URL)
	assert.Len(t, srv.Events(), 3)
	assert.Empty(t, other.Requests())
}

func TestInterrupt(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	hang := srv.Always(altertabletest.Hang().On("/track"))
	go func() {
		_ = srv.WaitRequests(t.Context(), 2)
		cancel()
	}()
	s.err = &output{on: func(text string) {
		if strings.Contains(text, "Interrupted: what is in flight is finished first") {
			hang.Release()
		}
	}}
	source, reportPath := write(t, "events.csv", clean), filepath.Join(t.TempDir(), "report.json")
	status := s.run("-report", reportPath, source)
	// All that there is was in flight, so it is finished all the same.
	assert.Equal(t, exitOK, status, s.said())
	assert.True(t, readReport(t, reportPath).Finished)
}

func TestSecondInterrupt(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	ctx, cancel := context.WithCancel(context.Background())
	stop, end := context.WithCancel(context.Background())
	s.ctx, s.stop = ctx, stop
	srv.Always(altertabletest.Hang().On("/track"))
	go func() {
		_ = srv.WaitRequests(t.Context(), 2)
		cancel()
	}()
	s.err = &output{on: func(text string) {
		if strings.Contains(text, "Interrupted: what is in flight is finished first") {
			end()
		}
	}}
	source, reportPath := write(t, "events.csv", clean), filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitInterrupted, s.run("-report", reportPath, source), s.said())
	assert.Contains(t, s.out.String(), "It was interrupted: 3 messages left. Run the same command again, and it goes on.")
	r := readReport(t, reportPath)
	assert.False(t, r.Finished)
	assert.EqualValues(t, 1, r.Delivered)
	srv.ClearFaults()
	next := newShell(t, srv)
	require.Equal(t, exitOK, next.run(source), next.said())
	assert.Len(t, srv.Events(), 3)
}

func TestInterruptBeforeSending(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.ctx = ctx
	reportPath := filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitInterrupted, s.run("-report", reportPath, write(t, "events.csv", clean)))
	assert.Contains(t, s.err.String(), "interrupted, and nothing was sent: run the same command again")
	assert.False(t, readReport(t, reportPath).Finished)
	assert.Empty(t, srv.Requests())
}

func TestRefusedKey(t *testing.T) {
	srv := newServer(t, altertabletest.WithAPIKeys("another"))
	s := newShell(t, srv)
	source, reportPath := write(t, "events.csv", clean), filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitFailed, s.run("-report", reportPath, source))
	assert.Contains(t, s.err.String(), "key")
	assert.Contains(t, s.out.String(), "It ended early: 4 messages left.")
	r := readReport(t, reportPath)
	assert.NotEmpty(t, r.Error)
	assert.Empty(t, r.Rejected)
}

func TestManagementKey(t *testing.T) {
	s := newShell(t, newServer(t))
	s.variables["ALTERTABLE_API_KEY"] = "atm_" + testKey
	require.Equal(t, exitFailed, s.run(write(t, "events.csv", clean)))
	assert.Contains(t, s.err.String(), "management key")
}

func TestVariablesAreChecked(t *testing.T) {
	for name, value := range map[string]string{
		"ALTERTABLE_DISABLED": "maybe", "ALTERTABLE_INSECURE_HTTP": "maybe", "ALTERTABLE_BASE_URL": "http://api.example.com", "ALTERTABLE_ENVIRONMENT": " ",
	} {
		s := newShell(t, newServer(t))
		s.variables[name] = value
		assert.Equal(t, exitFailed, s.run(write(t, "events.csv", clean)), name)
		assert.Contains(t, s.err.String(), name)
	}
}

func TestPrintSQL(t *testing.T) {
	s := newShell(t, newServer(t))
	source := write(t, "it's events.csv", clean)
	require.Equal(t, exitOK, s.run("-print-sql", source), s.said())
	sql := s.out.String()
	assert.Regexp(t, `^WITH source AS \(`, sql)
	dry := newShell(t, nil)
	require.Equal(t, exitOK, dry.run("-sql", sql), dry.said())
	assert.Contains(t, dry.out.String(), "1 identify, 3 tracks")
}

func TestPrintPresetsSQL(t *testing.T) {
	for _, source := range []string{"segment/calls.ndjson", "amplitude/events.json.gz"} {
		t.Run(source, func(t *testing.T) {
			s := newShell(t, nil)
			name, _, _ := strings.Cut(source, "/")
			path := filepath.Join("testdata", source)
			summary := regexp.MustCompile(`(?s)\n  to send .*?\n\n`)
			status := s.run("-preset", name, path)
			require.NotEqual(t, exitFailed, status, s.said())
			want := summary.FindString(s.out.String())
			require.Equal(t, exitOK, s.run("-preset", name, "-print-sql", path), s.said())
			require.Equal(t, status, s.run("-sql", s.out.String()), s.said())
			assert.Equal(t, want, summary.FindString(s.out.String()), "the SQL does what the preset does")
		})
	}
}

func TestFilesAreChecked(t *testing.T) {
	srv := newServer(t)
	source := write(t, "events.csv", clean)
	dir := filepath.Dir(source)
	none := filepath.Join(dir, "none", "file")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"state":                  {[]string{"-state", none}, "name another file with -state"},
		"rejects":                {[]string{"-rejects", none}, "name another file with -rejects"},
		"report":                 {[]string{"-report", none}, "-report " + none},
		"report is a directory":  {[]string{"-report", dir}, "is a directory"},
		"state is the source":    {[]string{"-state", source}, "-state and the source are one file"},
		"report is the source":   {[]string{"-report", source}, "-report and the source are one file"},
		"rejects and state":      {[]string{"-rejects", none + "x", "-state", filepath.Join(dir, "none", "..", "none", "filex")}, "-state and -rejects are one file"},
		"a directory of its own": {[]string{dir}, "directory"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, srv)
			assert.Equal(t, exitFailed, s.run(append(test.args, source)...))
			assert.Contains(t, s.err.String(), test.want)
			assert.Equal(t, 1, strings.Count(s.err.String(), "altertable-import:"), s.err.String())
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, files, 1, "nothing half done")
		})
	}
	text, err := os.ReadFile(source)
	require.NoError(t, err)
	assert.Equal(t, clean, string(text))
	assert.Empty(t, srv.Requests())
}

// TestRejectsOfAnotherImport are perhaps about to be mended.
func TestRejectsOfAnotherImport(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", faulty)
	require.NoError(t, os.WriteFile(source+rejectsSuffix, []byte("mended\n"), 0o600))
	require.Equal(t, exitFailed, s.run(source))
	assert.Contains(t, s.err.String(), "is of another import")
	assert.Empty(t, srv.Requests())
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestReaderOfStandardOutputGoesAway(t *testing.T) {
	s := newShell(t, nil)
	source := write(t, "events.csv", clean)
	for _, flag := range []string{"-dry-run", "-print-sql"} {
		status := run(s.ctx, s.stop, []string{flag, source}, terminal{getenv: func(string) string { return "" }, out: closedPipe{}, err: io.Discard})
		assert.Equal(t, exitFailed, status, flag)
	}
	left, err := os.ReadDir(s.temp)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestFailWritesLines(t *testing.T) {
	var err strings.Builder
	terminal{err: &err}.fail(errors.Join(errors.New("one \x1b[31m"), errors.New("two")))
	assert.Equal(t, "altertable-import: one ·[31m\naltertable-import: two\n", err.String())
}
