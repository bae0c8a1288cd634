package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
)

// A child is the engine's side of the calls.
type child struct {
	out     *bufio.Writer // guarded by writing
	writing sync.Mutex

	mu      sync.Mutex
	running map[uint64]context.CancelFunc

	opening sync.Once
	store   *store // set by the first call, which is answered before the next one comes
}

// prepared is set when Engine has returned, so that the same program, started as
// an engine, becomes one.
var prepared atomic.Bool

// Engine makes this process an engine if a server started it as one. Then Engine
// does not return, and the process ends with its server. Otherwise it returns at
// once.
//
// Call it first in main, and in TestMain if tests start a server: what runs
// before it runs in the engine as well. Nothing may be written to standard output
// there, which is how the engine answers.
func Engine() {
	if os.Getenv(engineVariable) != "" {
		engineMain()
	}
	prepared.Store(true)
}

// engineMain answers the calls of the server that started this process. It ends
// with it, or when it is told to, and not by what a terminal sends to both.
func engineMain() {
	keepFilesPrivate()
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	debug.SetGCPercent(400) // its heap is small, so that the collector would run within each query
	out := os.Stdout
	os.Stdout = os.Stderr // nothing else may write there
	c := &child{out: bufio.NewWriterSize(out, 64<<10), running: map[uint64]context.CancelFunc{}}
	c.serve(os.Stdin)
	os.Exit(0) // at once, whatever is running
}

func (c *child) serve(in io.Reader) {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		switch f.kind {
		case cancelCall:
			c.cancel(f.id)
			continue
		case callPing:
			c.send(f.id, answerDone)
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		c.mu.Lock()
		c.running[f.id] = cancel
		c.mu.Unlock()
		go func() {
			defer c.cancel(f.id)
			c.answer(f.id, c.do(ctx, f))
		}()
	}
}

func (c *child) cancel(id uint64) {
	c.mu.Lock()
	cancel := c.running[id]
	delete(c.running, id)
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// An answer is the last part of one, or why there is none.
type answered struct {
	part packer
	err  error
}

func (c *child) answer(id uint64, a answered) {
	if a.err == nil {
		c.send(id, answerDone, a.part.data)
		return
	}
	var p packer
	var own *sqlError
	if errors.As(a.err, &own) {
		p.text(own.Code)
	} else {
		p.text("")
	}
	message := a.err.Error()
	p.text(message[:min(len(message), maxFailed)])
	c.send(id, answerFailed, p.data)
}

func (c *child) send(id uint64, k kind, pieces ...[]byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := errors.Join(writeFrame(c.out, id, k, pieces...), c.out.Flush()); err != nil {
		os.Exit(1) // nobody listens, or an answer is torn
	}
}

var errNotOpen = errors.New("there is no data yet")

func (c *child) do(ctx context.Context, f frame) (a answered) {
	u := unpacker{rest: f.payload}
	if f.kind == callOpen {
		file, there := u.text(), u.bool()
		c.opening.Do(func() { a = c.open(file, there) })
		return a
	}
	if c.store == nil {
		return answered{err: errNotOpen}
	}
	part := func(p packer) { c.send(f.id, answerPart, p.data) }
	switch f.kind {
	case callApply:
		a.err = c.store.apply(&u)
	case callQuery:
		a.part, a.err = c.store.query(ctx, u.text())
	case callIdentities:
		a.err = c.store.identities(part)
	case callNewest:
		a.part, a.err = c.store.newest(int(u.uint()))
	case callClose:
		a.err = c.store.close()
	default:
		a.err = errFrame
	}
	return a
}

func (c *child) open(file string, there bool) (a answered) {
	if a.err = limitMemory(); a.err != nil {
		return a
	}
	s, err := openStore(file, there)
	if err != nil {
		a.err = err
		return a
	}
	stored, err := s.count()
	if a.err = err; err == nil {
		a.part.uint(uint64(stored))
		c.mu.Lock() // which serve takes before the next call
		c.store = s
		c.mu.Unlock()
	}
	return a
}
