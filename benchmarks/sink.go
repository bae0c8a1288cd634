package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A sink is the process that takes the events.
type sink struct {
	url  string
	stop func()
}

func startSink() (*sink, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-child", "sink")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		_ = cmd.Process.Kill() // it has nothing to lose
		_ = cmd.Wait()
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, err
	}
	return &sink{url: strings.TrimSpace(url), stop: stop}, nil
}

// arrived returns what has arrived so far.
func (s *sink) arrived() (t tally, err error) {
	answer, err := http.Get(s.url + "/arrived")
	if err != nil {
		return t, err
	}
	defer answer.Body.Close()
	return t, json.NewDecoder(answer.Body).Decode(&t)
}

// awaitHung waits until the number of requests that hang is between low and high.
func (s *sink) awaitHung(low, high int) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if t, err := s.arrived(); err != nil || t.Hung >= low && t.Hung <= high {
			return err
		}
	}
	return errors.New("the sink does not have the requests that should hang there")
}

// A server is what runs in the sink's process. It keeps the bodies, and looks
// into them only after the run, so that the measured process has the machine.
type server struct {
	mu    sync.Mutex // guards what follows
	posts []post
	tally tally
}

type post struct {
	path string
	body []byte
}

func serveSink() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	return http.Serve(listener, new(server))
}

// ServeHTTP answers what is posted below /now at once, below /slow after 20 ms,
// and below /hung never.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/arrived" {
		_ = json.NewEncoder(w).Encode(s.count()) // the parent would notice
		return
	}
	body, err := readBody(r)
	if err != nil {
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/hung"):
		s.hang(1)
		<-r.Context().Done()
		s.hang(-1)
		return
	case strings.HasPrefix(r.URL.Path, "/slow"):
		<-time.After(20 * time.Millisecond)
	}
	s.mu.Lock()
	s.posts = append(s.posts, post{r.URL.Path, body})
	s.mu.Unlock()
	fmt.Fprint(w, `{"ok":true}`)
}

func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(r.Body)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

func (s *server) hang(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.Hung += n
}

// count looks into the bodies that it has not seen yet.
func (s *server) count() tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.posts {
		s.tally.add(p.path, p.body)
	}
	s.posts = nil
	return s.tally
}
