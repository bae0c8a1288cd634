package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// newClient returns a client of the API that the environment names, or else of
// an embedded server, which it returns too.
func newClient(metrics altertable.Option) (*altertable.Client, *altertabletest.Server, error) {
	if os.Getenv("ALTERTABLE_API_KEY") != "" || os.Getenv("ALTERTABLE_BASE_URL") != "" {
		client, err := altertable.NewFromEnv(metrics)
		return client, nil, err
	}
	embedded := altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithHistory(1000))
	opts := []altertable.Option{
		metrics,
		altertable.WithBaseURL(embedded.URL),
		altertable.WithHTTPClient(embedded.HTTPClient()),
		// Less than the defaults, so that an outage is over, or fills the queue, while somebody watches.
		altertable.WithRetry(altertable.RetryPolicy{MaxInterval: 5 * time.Second}),
		altertable.WithMaxQueueSize(1000),
	}
	if dir := os.Getenv("ALTERTABLE_SPOOL"); dir != "" {
		opts = append(opts, altertable.WithSpool(dir))
	}
	client, err := altertable.New("embedded", opts...)
	if err != nil {
		embedded.Close()
		return nil, nil, err
	}
	return client, embedded, nil
}

// usage says what to try at addr.
func (s *service) usage(addr net.Addr) string {
	text := fmt.Sprintf(`
The numbers, as a Prometheus scrapes them:
    curl -s http://%[1]s/metrics | grep ^altertable | grep -v _bucket
An order, which is tracked:
    curl -X POST http://%[1]s/orders
`, addr)
	if s.embedded == nil {
		return text
	}
	return text + fmt.Sprintf(`An outage begins, and ends:
    curl -X POST "http://%[1]s/faults?status=503"
    curl -X DELETE http://%[1]s/faults
`, addr)
}

// setFault makes the embedded server fail from now on.
func (s *service) setFault(w http.ResponseWriter, r *http.Request) {
	fault, err := parseFault(r.URL.RawQuery)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.embedded.ClearFaults()
	s.embedded.Always(fault)
	fmt.Fprintln(w, "the embedded server fails from now on")
}

func (s *service) clearFaults(w http.ResponseWriter, _ *http.Request) {
	s.embedded.ClearFaults()
	fmt.Fprintln(w, "the embedded server works again")
}

// parseFault reads status=503, status=400&code=environment-not-found,
// status=429&rate=0.5 or status=hang.
func parseFault(rawQuery string) (fault altertabletest.Fault, err error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return fault, fmt.Errorf("query %.40q: %w", rawQuery, err)
	}
	for name, values := range query {
		switch {
		case name != "status" && name != "code" && name != "rate":
			return fault, fmt.Errorf("parameter %.40q: want status, code or rate", name)
		case len(values) > 1:
			return fault, fmt.Errorf("parameter %s is there %d times: want it once", name, len(values))
		}
	}
	if query.Get("status") == "hang" && len(query) == 1 {
		return altertabletest.Hang(), nil
	}
	status, err := strconv.Atoi(query.Get("status"))
	if err != nil || status < 400 || status > 599 {
		return fault, fmt.Errorf("status %.40q: want 400 to 599, or hang alone", query.Get("status"))
	}
	fault = altertabletest.Status(status)
	if query.Has("code") {
		fault = fault.ErrorCode(query.Get("code"))
	}
	if !query.Has("rate") {
		return fault, nil
	}
	every, err := parseRate(query.Get("rate"))
	switch {
	case status != http.StatusTooManyRequests:
		err = errors.New("only status 429 has one")
	case err == nil && every > 0:
		return fault.Match(exceeds(every)), nil
	}
	if err != nil {
		err = fmt.Errorf("rate %.40q: %w", query.Get("rate"), err)
	}
	return fault, err
}

// exceeds returns a function that tells which requests are too many, where one
// may come every so often.
func exceeds(every time.Duration) func(*http.Request) bool {
	var mu sync.Mutex
	var next time.Time
	return func(*http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if now.Before(next) {
			return true
		}
		next = now.Add(every)
		return false
	}
}
