package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// key opens nothing.
const key = "bench-key"

// measured is one import.
type measured struct {
	name     string
	events   int64
	wall     time.Duration // of the process, from its start to its end
	sending  time.Duration // of it; the time before goes into reading and sorting
	memory   int64         // the largest resident set
	cpu      time.Duration
	requests int64
	bytes    int64
}

// rate is in events a second.
func (m *measured) rate() float64 { return float64(m.events) / m.wall.Seconds() }

// withSink runs a process that sends to a sink of its own.
func withSink(name string, command func(url string) *exec.Cmd, want int64) (m measured, err error) {
	sink, url, err := startSink()
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, sink.Process.Kill(), ended(sink.Wait())) }()
	cmd := command(url)
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	wall := time.Since(began)
	a, err := arrived(url)
	if err != nil {
		return m, err
	}
	if a.Messages != want {
		return m, fmt.Errorf("%s: %d of %d events arrived", name, a.Messages, want)
	}
	state := cmd.ProcessState
	return measured{
		name: name, events: a.Messages, wall: wall, sending: wall, memory: maxMemory(state),
		cpu: state.UserTime() + state.SystemTime(), requests: a.Requests, bytes: a.Bytes,
	}, nil
}

// ended takes a process for ended well that was killed.
func ended(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func startSink() (sink *exec.Cmd, url string, err error) {
	sink = again("sink")
	sink.Stderr = os.Stderr
	out, err := sink.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := sink.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return sink, strings.TrimSpace(line), err
}

// again is this program as a child.
func again(child string, args ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	return exec.Command(program, append([]string{"-child", child}, args...)...)
}

// build makes the command, in dir.
func build(dir string) (string, error) {
	program := filepath.Join(dir, "altertable-import")
	cmd := exec.Command("go", "build", "-o", program, "github.com/altertable-ai/altertable-go/importer")
	cmd.Stderr = os.Stderr
	return program, cmd.Run()
}

func measureImport(o options, format, file string) (m measured, err error) {
	report := file + ".report"
	m, err = withSink(format, func(url string) *exec.Cmd {
		cmd := exec.Command(o.command, "-report", report, file)
		cmd.Env = append(os.Environ(), "ALTERTABLE_API_KEY="+key, "ALTERTABLE_BASE_URL="+url, "ALTERTABLE_DISABLED=false")
		return cmd
	}, int64(o.events))
	if err != nil {
		return m, err
	}
	text, err := os.ReadFile(report)
	if err != nil {
		return m, err
	}
	var said struct{ Seconds float64 }
	err = json.Unmarshal(text, &said)
	m.sending = time.Duration(said.Seconds * float64(time.Second))
	return m, err
}

func measureLoop(o options, file string) (measured, error) {
	n := min(o.naive, o.events)
	return withSink("loop", func(url string) *exec.Cmd {
		return again("loop", "-naive", strconv.Itoa(n), url, file)
	}, int64(n))
}
