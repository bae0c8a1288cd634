//go:build unix

package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A process is a relay of its own.
type process struct {
	*served
	command *exec.Cmd
	over    chan struct{} // closed when it has ended
}

// spawn starts one on free ports.
func spawn(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	p := &process{served: &served{t: t, out: newScreen(), err: newScreen()}, over: make(chan struct{})}
	p.command = exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)...)
	p.command.Env = append(os.Environ(), asCommand+"=1")
	for name, value := range env {
		p.command.Env = append(p.command.Env, name+"="+value)
	}
	p.command.Stdout, p.command.Stderr = p.out, p.err
	require.NoError(t, p.command.Start())
	go func() {
		_ = p.command.Wait()
		close(p.over)
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.over
		for _, secret := range []string{apiKey, token, person} {
			assert.NotContains(t, p.out.String()+p.err.String(), secret)
		}
	})
	p.admin = p.out.wait(t, `admin +(\S+):`)
	p.url = p.out.wait(t, `producers +(\S+),`)
	p.working()
	return p
}

// wait returns the exit status, -1 of one that a signal ended.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.over:
		return p.command.ProcessState.ExitCode()
	case <-time.After(deadline):
		require.Fail(p.t, "the process does not end", "%s\n%s", p.out, p.err)
		return 0
	}
}

func TestSignalsEndIt(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := spawn(t, map[string]string{"XDG_CACHE_HOME": t.TempDir(), "HOME": t.TempDir()}, "--shutdown-timeout", "1h") // nor does it wait for that
			p.track("any", "signed_up")
			p.out.wait(t, "signed_up 1")
			require.NoError(t, p.command.Process.Signal(signal))
			assert.Zero(t, p.wait(), "%s", p.err)
			assert.Contains(t, p.out.String(), "ended, everything is delivered")
		})
	}
}

// TestSecondSignal ends a relay at once that waits for an API which hangs.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	api := altertabletest.NewServer()
	defer api.Close()
	api.Always(altertabletest.Hang())
	p := spawn(t, map[string]string{"ALTERTABLE_API_KEY": apiKey}, "--data", t.TempDir(), "--api", api.URL, "--shutdown-timeout", "1h")
	p.track("any", "signed_up")
	require.NoError(t, api.WaitRequests(t.Context(), 1))
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		status, body := p.get("/readyz")
		return status == http.StatusServiceUnavailable && body == "shutting down\n"
	}, deadline, 10*time.Millisecond)
	status, _ := p.get("/healthz")
	assert.Equal(t, http.StatusOK, status, "alive to the end")
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, -1, p.wait())
}

// TestKilled loses nothing that was accepted. The next start delivers it, and does not wait
// until the broker delivers again by time.
func TestKilled(t *testing.T) {
	t.Parallel()
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	api.Down()
	env := map[string]string{"ALTERTABLE_API_KEY": apiKey, "ALTERTABLE_RELAY_TOKEN": token}
	args := []string{"--data", t.TempDir(), "--api", api.URL, "--ack-wait", "1h"}
	p := spawn(t, env, args...)
	p.track(token, "signed_up", "plan_upgraded", "checkout_completed")
	require.NoError(t, p.command.Process.Kill())
	p.wait()
	api.Up()
	p = spawn(t, env, args...) // over a socket that is left, too
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	require.NoError(t, api.WaitEvents(ctx, 3))
	status, out, errOut := runCommand(t, nil, "status", "--data", args[1])
	assert.Zero(t, status, errOut)
	assert.Contains(t, out, "ready")
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, p.wait())
	assert.Len(t, api.Events(), 3)
}
