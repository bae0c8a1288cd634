package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// binaries is where build puts what it compiles, for all tests.
var binaries = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "altertable-local") })

func removeBinaries() {
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir)
	}
}

// build compiles a command of the repository, unless it did already.
func build(t testing.TB, dir string) string {
	t.Helper()
	source, err := filepath.Abs(dir)
	require.NoError(t, err)
	bin, err := binaries()
	require.NoError(t, err)
	binary := filepath.Join(bin, filepath.Base(source))
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	command := exec.Command("go", "build", "-o", binary, ".")
	command.Dir = source
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

// A process is altertable-local as a user starts it.
type process struct {
	*running
	command *exec.Cmd
	lines   *bufio.Scanner
	port    string
}

func startProcess(t testing.TB, binary string, flags ...string) process {
	t.Helper()
	return startCommand(t, func(*exec.Cmd) {}, binary, flags...)
}

// startCommand starts a command as change made it.
func startCommand(t testing.TB, change func(*exec.Cmd), binary string, flags ...string) process {
	t.Helper()
	command := exec.Command(binary, append([]string{"-port", "0"}, flags...)...)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	command.Stderr = os.Stderr
	change(command)
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() }) // where the test did not get to end it
	p := process{command: command, lines: bufio.NewScanner(stdout)}
	for p.lines.Scan() {
		if url, found := strings.CutPrefix(p.lines.Text(), "export ALTERTABLE_BASE_URL="); found {
			p.running = &running{t: t, Server: &Server{url: url}, http: &http.Client{Transport: &http.Transport{}}}
			p.port = strconv.Itoa(portOf(t, url))
		}
		if strings.HasPrefix(p.lines.Text(), "export ALTERTABLE_API_KEY=") {
			t.Cleanup(p.http.CloseIdleConnections)
			return p
		}
	}
	t.Fatal("it did not start")
	return p
}

// end sends a signal, and returns what the process printed after it.
func (p process) end(signal os.Signal) (last string, err error) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(signal))
	for p.lines.Scan() {
		last = p.lines.Text()
	}
	return last, p.command.Wait()
}

func TestCommand(t *testing.T) {
	binary, quickstart := build(t, ".."), build(t, "../../examples/quickstart")
	p := startProcess(t, binary)
	command := exec.Command(quickstart)
	command.Env = append(os.Environ(), "ALTERTABLE_BASE_URL="+p.url, "ALTERTABLE_API_KEY=any")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))

	ask := func(sql string, flags ...string) (stdout, stderr string, err error) {
		var outBuf, errBuf bytes.Buffer
		command := exec.Command(binary, append([]string{"-port", p.port, "-sql", sql}, flags...)...)
		command.Stdout, command.Stderr = &outBuf, &errBuf
		err = command.Run()
		return outBuf.String(), errBuf.String(), err
	}
	table, _, err := ask(identitiesQuery)
	require.NoError(t, err)
	assert.Regexp(t, `^distinct_id  email  plan  updated_at *
-----------  -----  ----  -+
u_42         null   pro   20\d\d-\d\d-\d\dT\S+Z
\(1 row\)
$`, table)
	table, _, err = ask(strings.Replace(eventsQuery, documentedUser, "u_42", 1))
	require.NoError(t, err)
	assert.Regexp(t, `^event +properties +timestamp +email +plan
[ -]+
plan_upgraded +\{.*"seats":5.*\} +20\S+Z +null +pro
signed_up +\{.*\} +20\S+Z +null +pro
\(2 rows\)
$`, table)

	_, message, err := ask("SELEC")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, message, "altertable-local: Parser Error: syntax error at or near \"SELEC\"\n")
	table, _, err = ask("EXPLAIN SELECT 1")
	require.NoError(t, err)
	assert.Contains(t, table, "DUMMY_SCAN")

	last, err := p.end(syscall.SIGTERM)
	assert.NoError(t, err)
	assert.Equal(t, "ended, 2 events", last)

	_, message, err = ask("SELECT 1")
	require.ErrorAs(t, err, &exit)
	assert.Contains(t, message, "nothing listens on 127.0.0.1:"+p.port)
	assert.Contains(t, message, "go run .")
}

func TestInterrupt(t *testing.T) {
	p := startProcess(t, build(t, ".."), "-latency", "1h")
	listen(p.running).next() // a console is open
	client := p.client(altertable.WithRequestTimeout(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	late := make(chan error, 1)
	go func() {
		_, err := client.TrackSync(ctx, altertable.Track{Event: "late", DistinctID: "u"})
		late <- err
	}()
	conn, err := net.Dial("tcp", "127.0.0.1:"+p.port) // and a request has begun
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /track HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	_, err = bufio.NewReader(conn).ReadString('\n') // the server waits for its body
	require.NoError(t, err)
	_, err = p.end(os.Interrupt)
	assert.NoError(t, err, "nothing holds it up")
	cancel()
	<-late // either way
}

// A file is one process's at a time, and survives its death.
func TestKill(t *testing.T) {
	binary, file := build(t, ".."), filepath.Join(t.TempDir(), "data.duckdb")
	p := startProcess(t, binary, "-data", file)
	out, err := exec.Command(binary, "-port", "0", "-data", file).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Contains(t, string(out), "data file "+file+" is in use, perhaps by another altertable-local; choose another")

	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	client := p.client(altertable.WithOverflow(altertable.Block), altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Second}))
	sent := 0
	track := func() error {
		sent++
		user := fmt.Sprint("u_", sent)
		return errors.Join(
			client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "anonymous-" + user}),
			client.Identify(t.Context(), altertable.Identify{DistinctID: user, AnonymousID: "anonymous-" + user, Traits: altertable.Traits{"n": sent}}))
	}
	for range 500 {
		require.NoError(t, track())
	}
	require.NoError(t, client.Flush(t.Context()))
	require.JSONEq(t, `[[500]]`, p.rows(`SELECT count(*) FROM events WHERE identity_traits IS NOT NULL`)) // a query puts all before it on disk

	console, traffic := listen(p.running), make(chan struct{})
	go func() {
		defer close(traffic)
		for track() == nil && sent < 5000 {
		}
	}()
	for stored := int64(0); stored < 600; {
		_, u := console.next()
		stored = u.Stored
	}
	_, err = p.end(syscall.SIGKILL)
	assert.Error(t, err)
	<-traffic

	p = startProcess(t, binary, "-data", file)
	assert.JSONEq(t, `[[true, true]]`, p.rows(`SELECT count(*) >= 500, count(DISTINCT identity_id) = count(*) FROM events`))
	assert.JSONEq(t, `[[0, true]]`, p.rows(`SELECT count(*) FILTER (traits->>'n' <> distinct_id[3:]), count(*) >= 500 FROM identities`))
	assert.JSONEq(t, `[["u_500"]]`, p.rows(`SELECT identity_id FROM events WHERE distinct_id = 'anonymous-u_500'`))
	_, err = p.end(syscall.SIGTERM)
	assert.NoError(t, err)
}

// Keys are secrets: of those given with -key none is printed.
func TestKeysAreNotPrinted(t *testing.T) {
	p := startProcess(t, build(t, ".."), "-key", "the secret")
	assert.Equal(t, "export ALTERTABLE_API_KEY=YOUR_KEY", p.lines.Text())
	p.key = "the secret"
	assert.JSONEq(t, `[[1]]`, p.rows("SELECT 1"))
	_, err := p.end(syscall.SIGTERM)
	assert.NoError(t, err)
}
