package e2e

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is for what is not measured, on a machine that has other things to do.
const patience = 3 * time.Minute

// An output is what a process has printed.
type output struct {
	news
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	o.text.Write(p)
	o.mu.Unlock()
	o.tell()
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startCommand is replaced where a process can be made to end with this one.
var startCommand = (*exec.Cmd).Start

// A process is one run of the command.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout output
	stderr output
	ended  chan struct{} // closed when it is over
}

// launch starts the command. It is killed if it is still there when the test ends.
func launch(t *testing.T, stdin io.Reader, env []string, args ...string) *process {
	t.Helper()
	return launchAs(t, func(*exec.Cmd) {}, stdin, env, args...)
}

func launchAs(t *testing.T, change func(*exec.Cmd), stdin io.Reader, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.cmd.Env = append(cleanEnviron(), env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, &p.stdout, &p.stderr
	change(p.cmd)
	p.cmd.WaitDelay = patience // else what it printed last is cut off, where nobody has the time to read it
	require.NoError(t, startCommand(p.cmd))
	go func() {
		_ = p.cmd.Wait() // ProcessState tells, once ended is closed
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// cleanEnviron is the environment without what the command reads.
func cleanEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ALTERTABLE_") })
}

// kill is kill -9, and returns when the process is gone.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		require.NoError(p.t, err)
	}
	<-p.ended
}

// wait returns the exit code; -1 if a signal was the end.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.FailNow(p.t, "it does not end", "%v\n%s", p.cmd.Args[1:], tail(p.stderr.String()))
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// silent fails the test if the process said what nobody should read.
func (p *process) silent(secrets ...string) {
	p.t.Helper()
	said := p.stdout.String() + p.stderr.String()
	for _, s := range append(secrets, "panic:", "goroutine ", "runtime error", "DATA RACE", "%!") {
		if at := strings.Index(said, s); at >= 0 {
			assert.Fail(p.t, "it says "+s, "%v\n...%s", p.cmd.Args[1:], said[max(0, at-300):min(len(said), at+1500)])
		}
	}
}

// tail returns the end of what a process printed, to show why a test failed.
func tail(text string) string {
	const most = 4000
	if len(text) > most {
		return "..." + text[len(text)-most:]
	}
	return text
}
