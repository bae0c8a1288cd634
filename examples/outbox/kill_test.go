package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	childKillAt = "OUTBOX_TEST_CHILD_KILL_AT" // the step before which it kills itself: "COMMIT, 2" is the second commit
)

// The manners of a child.
const (
	apart     = "apart"     // places the orders, and then runs the worker
	together  = "together"  // runs the worker while it places the orders
	finishing = "finishing" // places the orders, and leaves them to Finish
	following = "following" // places none: the process after a killed one
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
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

// killingHook returns a hook that prints each step, and kills the process before
// the one that the environment names. Commits are told.
func killingHook(committed chan<- struct{}) hook {
	var mu sync.Mutex
	counts := map[string]int{}
	return func(name string) error {
		mu.Lock() // held until death, so that nothing follows though the signal may take a moment
		defer mu.Unlock()
		counts[name]++
		s := fmt.Sprintf("%s, %d", name, counts[name])
		fmt.Println(s)
		if s == os.Getenv(childKillAt) {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				panic(err)
			}
			select {}
		}
		if name == "committed" {
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

// runChild runs a child to its end. It returns its steps, and whether it killed
// itself before the last of them.
func runChild(t *testing.T, dir, url, manner, killAt string) (steps []string, killed bool) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	var stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url, childManner+"="+manner, childKillAt+"="+killAt,
		"GORACE=atexit_sleep_ms=0") // else a process under the race detector takes a second to end
	c.Stderr = &stderr
	out, err := c.Output()
	require.Empty(t, stderr.String())
	steps = strings.Split(strings.TrimSpace(string(out)), "\n")
	killed = steps[len(steps)-1] == killAt
	require.Equal(t, killed, err != nil, "%v", err)
	return steps, killed
}

// A process is killed before each of its steps in turn, and another one follows
// it. In the end exactly the events of the committed orders have arrived.
func TestKill(t *testing.T) {
	for _, manner := range []string{apart, together, finishing} {
		for name, fault := range map[string]altertabletest.Fault{
			"healthy":     altertabletest.Pass(),
			"answer lost": altertabletest.Reset().AfterStoring(),
		} {
			t.Run(manner+", "+name, func(t *testing.T) {
				t.Parallel()
				steps, twice := killAt(t, manner, fault, "")
				for _, step := range []string{
					"CREATE TABLE IF", "BEGIN", "INSERT INTO orders", "encode", "INSERT INTO outbox", "ROLLBACK", "COMMIT", "committed",
					"SELECT id, endpoint,", "request", "answer", "callback", "DELETE FROM outbox", "end",
				} {
					require.Contains(t, steps, step+", 1")
				}
				for _, step := range steps {
					_, more := killAt(t, manner, fault, step)
					twice += more
				}
				assert.Positive(t, twice, "no kill came between the delivery and the deletion")
				t.Logf("killed before each of %d steps; %d events arrived again", len(steps), twice)
			})
		}
	}
}

// killAt runs a process that is killed before a step, and then another one. It
// returns the steps of the first, and how many events arrived again.
func killAt(t *testing.T, manner string, fault altertabletest.Fault, step string) (steps []string, twice int) {
	t.Helper()
	dir := t.TempDir()
	srv := altertabletest.NewServer()
	defer srv.Close()
	srv.Next(1, fault)
	steps, killed := runChild(t, dir, srv.URL, manner, step)
	if strings.HasSuffix(step, ", 1") { // more of a kind may be fewer: two deletions may share a transaction
		require.True(t, killed, "before %s", step)
	}
	if killed {
		_, killed = runChild(t, dir, srv.URL, following, "")
		require.False(t, killed)
	}
	twice = requireCommitted(t, dir, srv)
	require.False(t, t.Failed(), "killed before %s", step)
	return steps, twice
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
