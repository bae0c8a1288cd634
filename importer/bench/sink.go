package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// An arrival is what a sink has seen.
type arrival struct {
	Messages, Requests, Bytes int64
	Last                      time.Time // request
}

// A sink is the API, which takes everything. It counts messages and looks at nothing
// else, since to parse them would cost more than an import does.
type sink struct {
	messages, requests, bytes, last atomic.Int64
}

func serveSink() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "http://%s\n", listener.Addr())
	return http.Serve(listener, new(sink))
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/arrived" {
		_ = json.NewEncoder(w).Encode(arrival{s.messages.Load(), s.requests.Load(), s.bytes.Load(), time.Unix(0, s.last.Load())})
		return
	}
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(r.Body); err != nil {
		return
	}
	s.messages.Add(int64(bytes.Count(body.Bytes(), []byte(`"distinct_id":`))))
	s.requests.Add(1)
	s.bytes.Add(int64(body.Len()))
	s.last.Store(time.Now().UnixNano())
	_, _ = io.WriteString(w, `{"ok":true}`)
}

// arrived asks the sink at url.
func arrived(url string) (a arrival, err error) {
	answer, err := http.Get(url + "/arrived")
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	return a, json.NewDecoder(answer.Body).Decode(&a)
}
