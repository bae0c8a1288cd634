package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// The environment of a child process that is there to be killed.
const (
	childDir    = "OUTBOX_TEST_CHILD_DIR"
	childURL    = "OUTBOX_TEST_CHILD_URL"
	childManner = "OUTBOX_TEST_CHILD_MANNER"
	childKillAt = "OUTBOX_TEST_CHILD_KILL_AT" // the number of the step before which it kills itself; 0: none
)

// The manners of a child.
const (
	apart     = "apart"     // places the orders, and then runs the worker
	together  = "together"  // runs the worker while it places the orders
	finishing = "finishing" // places the orders, and leaves them to Finish
	following = "following" // places none: the process after a killed one
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(context.Background(), filepath.Join(dir, "shop.db"), os.Getenv(childManner)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is the life of a service, from its start to its end.
func child(ctx context.Context, path, manner string) error {
	committed := make(chan struct{}, 1)
	h := killingHook(committed)
	db, err := hookedDB(source(path), h)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := createTables(ctx, db); err != nil {
		return err
	}
	client, err := childClient(h)
	if err != nil {
		return err
	}
	worker := NewWorker(db, client)
	running, stop := context.WithCancel(ctx)
	defer stop()
	stopped := make(chan error, 1)
	run := func() { stopped <- worker.Run(running) }
	if manner == together {
		go run()
	}
	if manner != following {
		placeAll(ctx, io.Discard, db, client, worker)
	}
	switch manner {
	case finishing:
		stop()
		run()
	case apart, following:
		go run()
		fallthrough
	case together:
		err = waitEmpty(ctx, path, committed)
	}
	stop()
	return errors.Join(err, <-stopped, worker.Finish(ctx), h("end"))
}

func childClient(h hook) (*altertable.Client, error) {
	return altertable.New("key", altertable.WithBaseURL(os.Getenv(childURL)), altertable.WithEventIDs(),
		altertable.WithFlushInterval(time.Millisecond),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond}),
		altertable.WithHTTPClient(&http.Client{Transport: hookedTransport{h}}),
		altertable.WithBeforeSend(func(m altertable.Message) altertable.Message { _ = h("encode"); return m }),
		altertable.WithOnDelivery(func(altertable.Delivery) { _ = h("callback") }),
	)
}

// killingHook returns a hook that prints the name of the step whose number the
// environment holds, and kills the process before it. Commits are told.
func killingHook(committed chan<- struct{}) hook {
	killAt, _ := strconv.ParseInt(os.Getenv(childKillAt), 10, 64)
	var steps atomic.Int64
	return func(step string) error {
		if steps.Add(1) == killAt {
			fmt.Println(step)
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				panic(err)
			}
			select {} // the signal may take a moment
		}
		if step == "committed" {
			select {
			case committed <- struct{}{}:
			default:
			}
		}
		return nil
	}
}

// waitEmpty waits until no row of the outbox is left.
func waitEmpty(ctx context.Context, path string, committed <-chan struct{}) error {
	db, err := sql.Open("sqlite", source(path))
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		var left int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM outbox`).Scan(&left); err != nil || left == 0 {
			return err
		}
		<-committed
	}
}

// runChild runs a child to its end. It returns the step before which the child
// killed itself, or "" if it lived.
func runChild(t *testing.T, dir, url, manner string, killAt int) (step string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	var stderr bytes.Buffer
	c := exec.Command(self)
	c.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url, childManner+"="+manner, childKillAt+"="+strconv.Itoa(killAt))
	c.Stderr = &stderr
	out, err := c.Output()
	step = strings.TrimSpace(string(out))
	if step == "" {
		require.NoError(t, err, stderr.String())
	} else {
		require.Error(t, err)
		require.Empty(t, stderr.String())
	}
	return step
}

// A process is killed before each step in turn, and another one follows it. In
// the end exactly the events of the committed orders have arrived.
func TestKill(t *testing.T) {
	for _, manner := range []string{apart, together, finishing} {
		for name, fault := range map[string]altertabletest.Fault{
			"healthy":         altertabletest.Pass(),
			"answer lost":     altertabletest.Reset().AfterStoring(),
			"request lost":    altertabletest.Reset(),
			"platform is out": altertabletest.Status(http.StatusServiceUnavailable),
		} {
			t.Run(manner+", "+name, func(t *testing.T) {
				t.Parallel()
				seen, twice := map[string]bool{}, 0
				for killAt := 1; ; killAt++ {
					dir := t.TempDir()
					srv := altertabletest.NewServer()
					defer srv.Close()
					srv.Next(1, fault)
					step := runChild(t, dir, srv.URL, manner, killAt)
					if step != "" {
						seen[step] = true
						require.Empty(t, runChild(t, dir, srv.URL, following, 0))
					}
					twice += requireCommitted(t, dir, srv)
					if t.Failed() {
						t.Fatalf("killed at step %d, before %q", killAt, step)
					}
					if step == "" {
						break // it lived: there is no such step
					}
				}
				for _, step := range []string{
					"CREATE TABLE IF", "BEGIN", "INSERT INTO orders", "encode", "INSERT INTO outbox", "ROLLBACK", "COMMIT", "committed",
					"SELECT id, endpoint,", "request", "answer", "callback", "DELETE FROM outbox", "end",
				} {
					assert.True(t, seen[step], "no process was killed before %q", step)
				}
				assert.Positive(t, twice, "no kill came between the delivery and the deletion")
				t.Logf("%d events arrived again", twice)
			})
		}
	}
}

// requireCommitted fails unless each committed order's event has arrived, and
// nothing else, and returns how many arrived again.
func requireCommitted(t *testing.T, dir string, srv *altertabletest.Server) (twice int) {
	t.Helper()
	db, err := sql.Open("sqlite", source(filepath.Join(dir, "shop.db")))
	require.NoError(t, err)
	defer db.Close()
	var left int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM outbox`).Scan(&left))
	assert.Zero(t, left, "rows left in the outbox")

	committed := map[float64]bool{}
	rows, err := db.Query(`SELECT id FROM orders`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id float64
		require.NoError(t, rows.Scan(&id))
		committed[id] = true
	}
	require.NoError(t, rows.Err())

	arrived, ids := map[float64]bool{}, map[any]bool{}
	for _, e := range srv.Events() {
		arrived[e.Properties["order"].(float64)] = true
		ids[e.Properties["$event_id"]] = true
	}
	assert.Equal(t, committed, arrived)
	assert.Len(t, ids, len(committed), "ids of events")
	distinct := map[string]bool{}
	for _, message := range messages(t, srv) {
		distinct[message] = true
	}
	assert.LessOrEqual(t, len(distinct), len(committed), "the same event with different JSON")
	return len(srv.Events()) - len(arrived)
}

// messages returns the messages of all requests.
func messages(t *testing.T, srv *altertabletest.Server) (found []string) {
	for _, r := range srv.Requests() {
		body := r.Body
		if !bytes.HasPrefix(body, []byte("[")) {
			body = append(append([]byte("["), body...), ']')
		}
		var elements []json.RawMessage
		require.NoError(t, json.Unmarshal(body, &elements))
		for _, e := range elements {
			found = append(found, string(e))
		}
	}
	return found
}
