package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// engineVariable makes the same program an engine when it is started.
const engineVariable = "ALTERTABLE_LOCAL_ENGINE"

// errEnded is the error of calls that the engine did not live to answer.
var errEnded = errors.New("the engine ended")

// An engine is a process that has the data and answers SQL. A crash of DuckDB
// ends it, and not the server.
type engine struct {
	command *exec.Cmd
	opened  int64         // how many events it had when it was opened
	ended   chan struct{} // closed when the process has ended
	state   string        // how it ended; readable when ended is closed

	writing sync.Mutex // of one frame to in; taken before mu
	in      io.WriteCloser

	mu    sync.Mutex
	calls map[uint64]*call // nil when the engine has ended
	last  uint64           // id of a call
}

// A call waits for its answer.
type call struct {
	engine *engine
	id     uint64
	parts  [][]byte // readable when done is closed, as err is
	err    error
	done   chan struct{}
}

const (
	// pingInterval is how often an engine is asked whether it is there, and
	// pingPatience how long it has for the answer, whatever else it does.
	pingInterval = 2 * time.Second
	pingPatience = 10 * time.Second
)

// startEngine starts a process, which has no data yet.
func startEngine(interval, patience time.Duration) (*engine, error) {
	program, err := executable()
	if err != nil {
		return nil, fmt.Errorf("the engine cannot be started: %w", err)
	}
	e := &engine{command: exec.Command(program), calls: map[uint64]*call{}, ended: make(chan struct{})}
	e.command.Env = engineEnvironment()
	out, err := e.command.StdoutPipe()
	if err == nil {
		e.in, err = e.command.StdinPipe()
	}
	if err == nil {
		err = e.command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("the engine cannot be started: %w", err)
	}
	widen(out)
	widen(e.in)
	go e.receive(out)
	go e.watch(interval, patience)
	return e, nil
}

// watch ends a process that does not answer, since somebody has stopped it, say:
// all would wait for it, even who writes to it.
func (e *engine) watch(interval, patience time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-e.ended:
			return
		}
		late := time.AfterFunc(patience, e.kill)
		_, _ = e.call(callPing)
		late.Stop()
	}
}

// executable is this program. On Linux it is the one that runs, even if its
// file has been replaced since.
func executable() (string, error) {
	const self = "/proc/self/exe"
	if runtime.GOOS == "linux" {
		if _, err := os.Stat(self); err == nil {
			return self, nil
		}
	}
	return os.Executable()
}

// receive hands answers to their calls until there are no more.
func (e *engine) receive(out io.Reader) {
	r := bufio.NewReaderSize(out, 64<<10)
	for {
		f, err := readFrame(r)
		if err != nil || !e.take(f) {
			break
		}
	}
	e.kill() // where it runs on, it does not make sense any more
	_ = e.command.Wait()
	e.state = e.command.ProcessState.String()
	e.mu.Lock()
	calls := e.calls
	e.calls = nil
	close(e.ended) // before who called learns it, and asks for another engine
	e.mu.Unlock()
	for _, c := range calls {
		c.err = errEnded
		close(c.done)
	}
}

// take reports whether f makes sense.
func (e *engine) take(f frame) bool {
	e.mu.Lock()
	c := e.calls[f.id]
	if f.kind != answerPart {
		delete(e.calls, f.id)
	}
	e.mu.Unlock()
	if c == nil {
		return false
	}
	switch f.kind {
	case answerPart:
		c.parts = append(c.parts, f.payload)
		return true
	case answerDone:
		c.parts = append(c.parts, f.payload)
	case answerFailed:
		u := unpacker{rest: f.payload}
		code, message := u.text(), u.text()
		if c.err = errors.New(message); code != "" {
			c.err = &sqlError{code, message}
		}
	default:
		c.err = errFrame
	}
	close(c.done)
	return true
}

// begin sends a call. Its answer may come at once.
func (e *engine) begin(k kind, pieces ...[]byte) *call {
	c := &call{engine: e, done: make(chan struct{})}
	e.mu.Lock()
	if e.calls == nil {
		e.mu.Unlock()
		c.err = errEnded
		close(c.done)
		return c
	}
	e.last++
	c.id = e.last
	e.calls[c.id] = c
	e.mu.Unlock()
	e.send(c.id, k, pieces...)
	return c
}

func (e *engine) send(id uint64, k kind, pieces ...[]byte) {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := writeFrame(e.in, id, k, pieces...); err != nil {
		e.kill() // with half a frame written there is no other
	}
}

// call makes a call and waits for its answer.
func (e *engine) call(k kind, pieces ...[]byte) ([][]byte, error) {
	c := e.begin(k, pieces...)
	<-c.done
	return c.parts, c.err
}

// cancel asks the engine to answer c soon.
func (c *call) cancel() { c.engine.send(c.id, cancelCall) }

func (e *engine) alive() bool {
	select {
	case <-e.ended:
		return false
	default:
		return true
	}
}

// kill ends the process. It does not wait for that.
func (e *engine) kill() { _ = e.command.Process.Kill() }

// open gives the engine its file, or the memory if file is empty. A file that
// has to be there is not created.
func (e *engine) open(file string, there bool) error {
	var p packer
	p.text(file)
	p.bool(there)
	parts, err := e.call(callOpen, p.data)
	if err != nil {
		return err
	}
	u := unpacker{rest: parts[0]}
	e.opened = int64(u.uint())
	return u.err
}
