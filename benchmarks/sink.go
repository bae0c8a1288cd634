package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
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
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	return &sink{url: strings.TrimSpace(url), stop: func() {
		_ = cmd.Process.Kill() // it has nothing to lose
		_ = cmd.Wait()
	}}, nil
}

// count returns how many events have arrived.
func (s *sink) count() (int, error) {
	answer, err := http.Get(s.url + "/count")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(text))
}

// mark occurs once in each event, whatever the client wraps around it.
const mark = `"cart_id":`

// serveSink takes bodies of any shape and counts the events in them. What is
// posted below /now is answered at once, below /slow after 20 ms, and below
// /hung never.
func serveSink() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	var count atomic.Int64
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/count" {
			fmt.Fprint(w, count.Load())
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/hung"):
			<-r.Context().Done()
			return
		case strings.HasPrefix(r.URL.Path, "/slow"):
			<-time.After(20 * time.Millisecond)
		}
		count.Add(int64(bytes.Count(body, []byte(mark))))
		fmt.Fprint(w, `{"ok":true}`)
	}))
}
