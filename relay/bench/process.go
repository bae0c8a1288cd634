package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// programs are the paths of what is measured.
type programs struct{ relay, broker, self string }

// build builds the relay, and the nats-server of the version that go.mod has.
func build(dir string) (programs, error) {
	self, err := os.Executable()
	p := programs{relay: filepath.Join(dir, "altertable-relay"), broker: filepath.Join(dir, "nats-server"), self: self}
	if runtime.GOOS == "windows" {
		p.relay, p.broker = p.relay+".exe", p.broker+".exe"
	}
	for program, path := range map[string]string{
		p.relay:  "github.com/altertable-ai/altertable-go/relay",
		p.broker: "github.com/nats-io/nats-server/v2",
	} {
		out, wrong := exec.Command("go", "build", "-o", program, path).CombinedOutput()
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("go build %s, in the folder relay: %w\n%s", path, wrong, out))
		}
	}
	return p, err
}

// A process is a child that is measured.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *bufio.Reader // nil unless its output is read
	log  bytes.Buffer  // else; not to be read before it has ended
}

func start(name string, verbose bool, program string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(program, args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if verbose {
		p.cmd.Stdout, p.cmd.Stderr = os.Stderr, os.Stderr
	}
	// Nothing of who runs this reaches the relay.
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ALTERTABLE_") {
			p.cmd.Env = append(p.cmd.Env, variable)
		}
	}
	p.cmd.Env = append(p.cmd.Env, "ALTERTABLE_API_KEY=bench", "ALTERTABLE_RELAY_TOKEN=bench")
	return p, p.cmd.Start()
}

// startSink returns the process and its URL.
func startSink(self string, events int) (*process, string, error) {
	p := &process{name: "sink", cmd: exec.Command(self, "-child", "sink", "-events", fmt.Sprint(events))}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, "", err
	}
	p.out = bufio.NewReader(out)
	url, err := p.out.ReadString('\n')
	return p, strings.TrimSpace(url), err
}

// A usage is what a process took of the machine.
type usage struct {
	cpu    time.Duration
	memory int64 // bytes, at most at one time; 0 where the system does not tell
}

func (u usage) and(v usage) usage { return usage{u.cpu + v.cpu, max(u.memory, v.memory)} }

// end tells the process to end, and returns what it took.
func (p *process) end() (usage, error) {
	if err := interrupt(p.cmd.Process); err != nil {
		return usage{}, err
	}
	killed := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer killed.Stop()
	return p.wait()
}

func (p *process) wait() (usage, error) {
	if err := p.cmd.Wait(); err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", p.name, err, tail(p.log.Bytes()))
	}
	state := p.cmd.ProcessState
	return usage{state.UserTime() + state.SystemTime(), maxMemory(state)}, nil
}

// kill ends a process whose state does not matter.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	if p.out != nil {
		_, _ = io.Copy(io.Discard, p.out)
	}
	_ = p.cmd.Wait()
}

func tail(log []byte) []byte { return log[max(0, len(log)-4000):] }

// freePort returns a port of loopback that nobody listens on now.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
