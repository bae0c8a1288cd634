package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// asCommand makes the test's own program the command.
const asCommand = "EXAMPLE_METRICS_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// withoutVariables leaves the service to its embedded server.
func withoutVariables(t *testing.T) {
	t.Helper()
	for _, name := range []string{"API_KEY", "BASE_URL", "ENVIRONMENT", "RELEASE", "DISABLED", "SPOOL", "INSECURE_HTTP"} {
		t.Setenv("ALTERTABLE_"+name, "")
	}
}

func command(t *testing.T, flags ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], flags...)
	c.Env = append(os.Environ(), asCommand+"=1")
	c.WaitDelay = time.Second
	return c
}

// A process is the command as a user starts it.
type process struct {
	t       *testing.T
	command *exec.Cmd
	output  *bufio.Reader
	usage   string
	url     string
}

// startProcess starts the command on a free port, and reads what it prints at
// first.
func startProcess(t *testing.T, flags ...string) process {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no process can send another a signal")
	}
	c := command(t, append([]string{"-addr", "127.0.0.1:0"}, flags...)...)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	p := process{t: t, command: c, output: bufio.NewReader(stderr)}
	p.url = regexp.MustCompile(`http://\S+`).FindString(p.line())
	require.NotEmpty(t, p.url)
	p.line()
	return p
}

func (p *process) line() string {
	p.t.Helper()
	line, err := p.output.ReadString('\n')
	require.NoError(p.t, err)
	p.usage += line
	return line
}

// end sends a signal, and returns what the process printed after it.
func (p *process) end(signal os.Signal) (string, error) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(signal))
	text, err := io.ReadAll(p.output)
	require.NoError(p.t, err)
	return string(text), p.command.Wait()
}

func (p *process) get(path string) string {
	p.t.Helper()
	response, err := http.Get(p.url + path)
	require.NoError(p.t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, response.StatusCode)
	return string(text)
}

func TestProcessEndsWell(t *testing.T) {
	withoutVariables(t)
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := startProcess(t)
		assert.True(t, strings.Contains(p.get("/metrics"), "\naltertable_client_messages_accepted_total "))
		text, err := p.end(signal)
		assert.NoError(t, err)
		stopped := regexp.MustCompile(`stopped: (\d+) accepted, (\d+) delivered, 0 lost, 0 kept on disk, 0 refused at the call\n$`).FindStringSubmatch(text)
		require.NotNil(t, stopped, text)
		assert.Equal(t, stopped[1], stopped[2])
	}
}

// Each printed command works as it stands.
func TestProcessCommands(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	withoutVariables(t)
	p := startProcess(t, "-rate", "0")
	var printed []string
	for len(printed) < 4 {
		if line := strings.TrimSpace(p.line()); strings.HasPrefix(line, "curl ") {
			printed = append(printed, line)
		}
	}
	run := func(line string) string {
		text, err := exec.CommandContext(t.Context(), "sh", "-c", line).Output()
		require.NoError(t, err, line)
		return string(text)
	}
	assert.Contains(t, run(printed[0]), "altertable_client_messages_accepted_total 0\n")
	assert.Equal(t, "order placed\n", run(printed[1]))
	assert.Equal(t, "the embedded server fails from now on\n", run(printed[2]))
	assert.Equal(t, "order placed\n", run(printed[1]))
	assert.Equal(t, "the embedded server works again\n", run(printed[3]))
	assert.Contains(t, run(printed[0]), "altertable_client_messages_accepted_total 2\n")
	text, err := p.end(syscall.SIGTERM)
	assert.NoError(t, err)
	assert.Contains(t, text, "stopped: 2 accepted, 2 delivered, 0 lost, 0 kept on disk, 0 refused at the call\n")
}

// With the API of the environment there are no faults.
func TestProcessWithVariables(t *testing.T) {
	withoutVariables(t)
	srv := altertabletest.NewServer()
	defer srv.Close()
	t.Setenv("ALTERTABLE_API_KEY", "any")
	t.Setenv("ALTERTABLE_BASE_URL", srv.URL)
	p := startProcess(t, "-rate", "1000")
	require.NoError(t, srv.WaitEvents(t.Context(), 1))
	response, err := http.Post(p.url+"/faults?status=503", "", nil)
	require.NoError(t, err)
	_ = response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	assert.Equal(t, http.StatusNotFound, response.StatusCode)
	text, err := p.end(syscall.SIGTERM)
	assert.NoError(t, err)
	assert.NotContains(t, p.usage+text, "outage")
	assert.Regexp(t, `stopped: \d+ accepted, \d+ delivered, 0 lost, 0 kept on disk, 0 refused at the call\n$`, text)
}

func TestBadCalls(t *testing.T) {
	withoutVariables(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	const rates = "want 0.001 to 1000 a second, or 0 for none"
	for _, test := range []struct {
		flags []string
		code  int
		text  string
	}{
		{[]string{"-addr", taken.Addr().String()}, 1, "listen tcp " + taken.Addr().String() + ": "},
		{[]string{"-addr", taken.Addr().String()}, 1, "; -addr names another address"},
		{[]string{"-addr", "nowhere"}, 1, "missing port in address"},
		{[]string{"-rate", "-1"}, 2, `invalid value "-1" for flag -rate: ` + rates},
		{[]string{"-rate", "NaN"}, 2, rates},
		{[]string{"-rate", "1001"}, 2, rates},
		{[]string{"-rate", "1e-9"}, 2, rates},
	} {
		c := command(t, test.flags...)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		var exit *exec.ExitError
		require.True(t, errors.As(c.Run(), &exit), "%v", test.flags)
		assert.Equal(t, test.code, exit.ExitCode(), "%v", test.flags)
		assert.Contains(t, stderr.String(), test.text)
	}
}
