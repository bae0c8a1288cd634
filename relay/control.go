package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
	"github.com/altertable-ai/altertable-go/relay/internal/drain"
)

// controlPath is before what is served on the loopback and the socket alone.
const controlPath = "/v1/"

// addControl adds what status and dlq ask.
func (r *relay) addControl(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, q *http.Request) { answer(w, http.StatusOK, r.status(q.Context())) })
	mux.HandleFunc("GET /v1/dlq", r.listDead)
	mux.HandleFunc("POST /v1/dlq/replay", func(w http.ResponseWriter, q *http.Request) {
		r.changeDead(w, q, (*deadletter.Store).Replay)
	})
	mux.HandleFunc("POST /v1/dlq/purge", func(w http.ResponseWriter, q *http.Request) {
		r.changeDead(w, q, (*deadletter.Store).Purge)
	})
}

// A status is what a relay does now.
type status struct {
	Version  string         `json:"version"`
	Running  bool           `json:"running"` // false: read from the store of a stopped one, or from the cluster
	Started  time.Time      `json:"started,omitzero"`
	Ready    bool           `json:"ready"`
	Reason   string         `json:"reason,omitempty"` // why it is not ready
	Roles    []string       `json:"roles,omitempty"`
	Listen   string         `json:"listen,omitempty"`
	API      string         `json:"api,omitempty"`
	Data     string         `json:"data,omitempty"`
	NATS     string         `json:"nats,omitempty"`
	DiskFree uint64         `json:"disk_free_bytes,omitempty"`
	DiskSize uint64         `json:"disk_size_bytes,omitempty"`
	Tenants  []tenantStatus `json:"tenants"`
}

type tenantStatus struct {
	Name   string        `json:"name"`
	Drain  *drain.Status `json:"drain,omitempty"`
	Absent bool          `json:"absent,omitempty"` // no relay has served the tenant here yet
	Error  string        `json:"error,omitempty"`  // why the rest is not known
	Stored stored        `json:"stored"`
}

// stored is what a tenant has on the broker.
type stored struct {
	Messages      int64   `json:"messages"`
	Bytes         int64   `json:"bytes"`               // before compression
	MaxBytes      int64   `json:"max_bytes,omitempty"` // that the stream takes; 0: no bound, or not known
	Events        int64   `json:"events"`
	OldestSeconds float64 `json:"oldest_seconds"`
	DeadLetters   int64   `json:"dead_letters"`
}

// statusTime bounds what the broker may take for all tenants.
const statusTime = 5 * time.Second

func (r *relay) status(ctx context.Context) status {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	c := r.config
	s := status{
		Version: altertable.Version, Running: true, Started: r.begun.UTC().Truncate(time.Second),
		Listen: r.url, API: c.API, Data: c.Data, NATS: c.NATS, Ready: true,
	}
	if c.Intake {
		s.Roles = append(s.Roles, "intake")
	}
	if c.Drain {
		s.Roles = append(s.Roles, "drain")
	}
	if r.offline != nil {
		s.API = "embedded"
	}
	if err := r.ready.get(); err != nil {
		s.Ready, s.Reason = false, err.Error()
	}
	if free, size, ok := r.broker.Disk(); ok {
		s.DiskFree, s.DiskSize = free, size
	}
	for _, name := range c.Names() {
		s.Tenants = append(s.Tenants, r.tenantStatus(ctx, name))
	}
	return s
}

func (r *relay) tenantStatus(ctx context.Context, name string) tenantStatus {
	t := tenantStatus{Name: name}
	r.mu.Lock()
	if d := r.drains[name]; d != nil {
		now := d.Status()
		t.Drain = &now
	}
	r.mu.Unlock()
	b, err := r.broker.Backlog(ctx, name)
	if err != nil {
		t.Error = err.Error()
	}
	t.Stored = storedOf(b)
	t.Stored.MaxBytes = maxBytesOf(ctx, r.broker, name)
	return t
}

var errRecovering = errors.New("the broker still recovers")

// letters returns the store of dead letters, or an error while the broker recovers.
func (r *relay) letters() (*deadletter.Store, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead == nil {
		return nil, errRecovering
	}
	return r.dead, nil
}

// listDead answers a letter a line. An error after the first line is a line, too.
func (r *relay) listDead(w http.ResponseWriter, q *http.Request) {
	f, err := filterOf(q, r.config.Names())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	store, err := r.letters()
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	list := store.ListHeaders
	if q.URL.Query().Get("messages") == "true" {
		list = store.List
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	err = list(q.Context(), f, func(l deadletter.Letter) error { return lines.Encode(line{Letter: &l}) })
	if err != nil {
		_ = lines.Encode(line{Error: err.Error()})
		return
	}
	_ = lines.Encode(line{End: true})
}

// A line of the answer to GET /v1/dlq. Without the last one, End, it was cut off.
type line struct {
	Letter *deadletter.Letter `json:"letter,omitempty"`
	Error  string             `json:"error,omitempty"`
	End    bool               `json:"end,omitempty"`
}

// A change is the answer to a replay or a purge: some may be done before an error.
type change struct {
	Count int    `json:"count"`
	Error string `json:"error,omitempty"`
}

func (r *relay) changeDead(w http.ResponseWriter, q *http.Request, do func(*deadletter.Store, context.Context, deadletter.Filter) (int, error)) {
	f, err := filterOf(q, r.config.Names())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	store, err := r.letters()
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	n, err := do(store, q.Context(), f)
	if err != nil {
		answer(w, http.StatusInternalServerError, change{n, err.Error()})
		return
	}
	answer(w, http.StatusOK, change{Count: n})
}

// filterOf reads the query: a parameter that is not known is an error, since a
// purge by a misspelt filter would delete everything.
func filterOf(q *http.Request, tenants []string) (f deadletter.Filter, err error) {
	for name, values := range q.URL.Query() {
		switch {
		case len(values) > 1:
			return f, errors.New("a parameter is there twice")
		case name == "tenant" && !slices.Contains(tenants, values[0]):
			return f, errors.New("there is no such tenant")
		case name == "tenant":
			f.Tenant = values[0]
		case name == "code":
			f.Code = values[0]
		case name == "since":
			if f.Since, err = time.Parse(time.RFC3339Nano, values[0]); err != nil {
				return f, errors.New("since must be a time as in RFC 3339")
			}
		case name != "messages":
			return f, errors.New("the parameters are tenant, code and since")
		}
	}
	return f, nil
}

func refuse(w http.ResponseWriter, status int, err error) { answer(w, status, change{0, err.Error()}) }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
