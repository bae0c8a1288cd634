package chaos

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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

// A process runs a program, and keeps what it prints.
type process struct {
	t    *testing.T
	name string
	path string
	args []string
	env  []string
	out  *output // of all its runs

	cmd    *exec.Cmd // of the last run; nil before
	stdin  io.WriteCloser
	killed bool          // the last run, by kill
	ended  chan struct{} // closed when the last run is over
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, startCommand(p.cmd), p.name)
	p.ended, p.killed = make(chan struct{}), false
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // cmd.ProcessState tells, once ended is closed
		close(ended)
	}(p.cmd, p.ended)
}

// kill is kill -9, and returns when the process is gone.
func (p *process) kill() {
	p.t.Helper()
	if p.cmd == nil {
		return
	}
	p.killed = true
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		require.NoError(p.t, err, p.name)
	}
	p.gone(patience)
}

// gone waits for the end and returns the exit code; -1 if a signal was the end.
func (p *process) gone(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.t.Fatalf("%s has not ended within %v\n%s", p.name, within, tail(p.out.String()))
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
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
