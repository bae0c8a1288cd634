package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A failing writer takes some bytes, and then has an error.
type failing struct {
	takes int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	n := min(len(p), f.takes)
	f.takes -= n
	if n < len(p) {
		return n, f.err
	}
	return n, nil
}

// TestStandardOutput is full, or its reader goes away, at any moment, of each kind
// of output. An import sends everything in any case.
func TestStandardOutput(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	for name, test := range map[string]struct {
		args   []string
		text   string
		status int
	}{
		"import":           {nil, clean, exitOK},
		"refused":          {nil, faulty, exitRefused},
		"dry run":          {[]string{"-dry-run"}, clean, exitOK},
		"dry run, refused": {[]string{"-dry-run"}, faulty, exitRefused},
		"SQL":              {[]string{"-print-sql"}, clean, exitOK},
		"usage":            {[]string{"-h"}, clean, exitOK},
	} {
		t.Run(name, func(t *testing.T) {
			for _, takes := range []int{0, 1, 90} {
				srv := newServer(t)
				s := newShell(t, srv)
				s.report = filepath.Join(t.TempDir(), "report.json")
				try := func(err error) int {
					s.to = &failing{takes, err}
					return s.run(append(test.args, write(t, "events.csv", test.text))...)
				}
				assert.Equal(t, exitFailed, try(full))
				assert.Contains(t, s.err.String(), "altertable-import: standard output cannot be written: no space left on device: make room")
				assert.Equal(t, 1, strings.Count(s.err.String(), "altertable-import:"), s.err.String())
				if name != "usage" {
					assert.Contains(t, readReport(t, s.report).Error, "standard output")
				}
				sent := len(srv.Events())
				for _, gone := range []error{&os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}, io.ErrClosedPipe} {
					assert.Equal(t, test.status, try(gone))
					assert.NotContains(t, s.err.String(), "altertable-import:")
				}
				if test.args == nil {
					assert.Equal(t, map[string]int{clean: 3, faulty: 2}[test.text], sent)
				}
			}
		})
	}
}

// TestAConsoleThatNobodyCanFind does not stay.
func TestAConsoleThatNobodyCanFind(t *testing.T) {
	s := newShell(t, nil)
	srv := newServer(t)
	s.local = func([]string, func(string)) (console, error) { return openConsole{srv.URL}, nil }
	s.to = &failing{0, syscall.ENOSPC}
	require.Equal(t, exitFailed, s.run("-to", "local", write(t, "events.csv", clean)))
	assert.Len(t, srv.Events(), 3)
	assert.Contains(t, s.err.String(), "standard output cannot be written")
}

type openConsole struct{ url string }

func (c openConsole) URL() string           { return c.url }
func (openConsole) Failed() <-chan struct{} { return nil }
func (openConsole) Close() error            { return nil }

func TestNothingIsWrittenBehindAnError(t *testing.T) {
	var to strings.Builder
	broken := &failing{takes: 3, err: errors.New("broken")}
	r := &results{to: io.MultiWriter(&to, broken)}
	for _, text := range []string{"one", "two", "three"} {
		n, err := io.WriteString(r, text)
		assert.Equal(t, len(text), n)
		assert.NoError(t, err)
	}
	assert.Equal(t, "onetwo", to.String())
	assert.ErrorContains(t, r.failed(), "standard output cannot be written: broken")
}
