package natsqueue_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// roleVariable makes of the test's binary another program: see play.
const roleVariable = "NATSQUEUE_TEST_ROLE"

// play runs as the program that the role names, until it is killed or its standard
// input ends, as it does with the test.
func play(role string) int {
	var (
		address string
		err     error
	)
	switch name, argument, _ := strings.Cut(role, " "); name {
	case "broker":
		address, err = serveBroker(argument)
	case "sink":
		address, err = serveSink(argument == "checks")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(address)
	_, _ = io.Copy(io.Discard, os.Stdin) // it ends, in whatever way
	return 0
}

func serveBroker(dir string) (string, error) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		return "", err
	}
	srv.Start()
	if !srv.ReadyForConnections(patience) {
		return "", fmt.Errorf("the broker is not ready")
	}
	return srv.Addr().String(), nil
}

// serveSink takes whatever is posted over plain HTTP, if it is JSON where it checks that.
func serveSink(checks bool) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body bytes.Buffer
			body.Grow(int(r.ContentLength) + bytes.MinRead)
			_, err := body.ReadFrom(r.Body)
			if err != nil || checks && !json.Valid(body.Bytes()) {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, `{"ok":true}`) // the client notices
		}))
	}()
	return listener.Addr().String(), nil
}

// A process is one that plays a role.
type process struct {
	address string // where it listens
	kill    func() // at once, and waits until it is gone
}

func start(t testing.TB, role string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill := sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // it has ended, else
		_ = cmd.Wait()         // it was killed
		_ = in.Close()
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return &process{strings.TrimSpace(line), kill}
}

// A proxy has one address for a broker that comes and goes.
type proxy struct {
	listener net.Listener
	target   atomic.Pointer[string] // nil: nobody is there
	deaf     atomic.Bool            // what the broker says does not arrive
	heard    chan struct{}          // a deaf proxy was told something
	accepted atomic.Int64           // connections so far
	paused   sync.RWMutex           // held for writing while nothing is read
	mu       sync.Mutex
	open     map[net.Conn]struct{} // guarded by mu
	running  sync.WaitGroup
}

func newProxy(t testing.TB) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, open: map[net.Conn]struct{}{}, heard: make(chan struct{}, 1)}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

// leadTo sets where connections lead from now on: to nobody, if address is empty.
func (p *proxy) leadTo(address string) {
	if address == "" {
		p.target.Store(nil)
		return
	}
	p.target.Store(&address)
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
	clear(p.open)
}

// pause has the proxy read nothing more until resume.
func (p *proxy) pause() { p.paused.Lock() }

func (p *proxy) resume() { p.paused.Unlock() }

func (p *proxy) awaitResume() {
	p.paused.RLock()
	defer p.paused.RUnlock()
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		target := p.target.Load()
		if target == nil {
			_ = near.Close()
			continue
		}
		far, err := net.Dial("tcp", *target)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.mu.Lock()
		p.open[near], p.open[far] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.running.Go(func() { p.forward(far, near, false) })
		p.running.Go(func() { p.forward(near, far, true) })
	}
}

// forward copies what comes from one side to the other, until either has ended.
func (p *proxy) forward(to, from net.Conn, toClient bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		p.awaitResume()
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if toClient && p.deaf.Load() {
			select {
			case p.heard <- struct{}{}:
			default:
			}
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
