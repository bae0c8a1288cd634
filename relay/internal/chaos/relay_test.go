package chaos

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// What a relay may hold that the API has and the stream does not know to be
// delivered: requests in flight, of a batch each. A batch's events are of several
// messages on the stream, whose other events may be in batches that were answered: a
// message is acknowledged as a whole.
const (
	maxInFlight = 8
	batchSize   = 100
	messageSize = 100
	inFlight    = maxInFlight * (batchSize + messageSize)
)

// The times of the drain's lease and of a message's, shorter than the defaults
// so that a scenario is.
const (
	pinnedTTL = 2 * time.Second
	ackWait   = 6 * time.Second
)

// A relay is a process of altertable-relay serve.
type relay struct {
	*process
	w      *world
	listen string
	admin  string
	data   string // of the embedded broker; "": none
}

// relay makes a relay that is not started. The flags come after those that all
// have, and so override them. With no --nats among them it is embedded.
func (w *world) relay(name string, flags ...string) *relay {
	w.t.Helper()
	r := &relay{w: w, listen: freeAddress(w.t), admin: freeAddress(w.t)}
	args := []string{"serve", "--listen", r.listen, "--admin-listen", r.admin, "--api", w.sink.URL,
		"--pinned-ttl", pinnedTTL.String(), "--ack-wait", ackWait.String(), "--shutdown-timeout", patience.String(),
		"--max-in-flight", strconv.Itoa(maxInFlight), "--batch-size", strconv.Itoa(batchSize)}
	if !slices.Contains(flags, "--nats") && !slices.Contains(flags, "--data") {
		flags = append(flags, "--data", filepath.Join(w.dir, "data-"+name))
	}
	if i := slices.Index(flags, "--data"); i >= 0 {
		r.data = flags[i+1]
	}
	r.process = w.process("relay "+name, built(w.t, relayBinary), append(args, flags...),
		[]string{"ALTERTABLE_API_KEY=" + apiKey, "ALTERTABLE_RELAY_TOKEN=" + relayToken})
	return r
}

func (r *relay) URL() string { return "http://" + r.listen }

// start returns when the relay is ready.
func (r *relay) start() *relay {
	r.t.Helper()
	r.process.start()
	r.awaitReady(patience)
	return r
}

func (r *relay) awaitReady(within time.Duration) {
	r.t.Helper()
	eventually(r.t, within, r.name+" is ready", func() bool {
		if !r.running() {
			r.t.Fatalf("%s has ended\n%s", r.name, tail(r.out.String()))
		}
		return r.get("/readyz") == http.StatusOK
	})
}

// get returns the status of an admin page; 0: no answer.
func (r *relay) get(path string) int {
	code, _ := r.read(path)
	return code
}

func (r *relay) read(path string) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.admin+path, nil)
	if err != nil {
		return 0, ""
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(text)
}

// metric returns the sum of the series of that name that have all of the labels,
// each written as name="value".
func (r *relay) metric(name string, labels ...string) (sum float64) {
	r.t.Helper()
	_, text := r.read("/metrics")
	r.w.mu.Lock()
	r.w.scrapes.WriteString(text)
	r.w.mu.Unlock()
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		rest, ok := strings.CutPrefix(line, "altertable_relay_"+name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		if slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(rest, l) }) {
			continue
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		require.NoError(r.t, err, line)
		sum += value
	}
	return sum
}

// leads reports whether the relay drains the consumer.
func (r *relay) leads(consumer string) bool {
	return r.metric("leads", fmt.Sprintf("consumer=%q", consumer)) == 1
}

// leader returns the relay that drains the consumer, once there is one.
func leader(consumer string, relays ...*relay) (leads *relay) {
	eventually(relays[0].t, patience, "a relay drains "+consumer, func() bool {
		for _, r := range relays {
			if r.running() && r.leads(consumer) {
				leads = r
			}
		}
		return leads != nil
	})
	return leads
}

// crash kills the relay and starts it again.
func (r *relay) crash() {
	r.t.Helper()
	r.metric("ready") // what it counted until now is looked through
	r.kill()
	r.start()
}

// stop is a graceful end.
func (r *relay) stop() {
	r.t.Helper()
	r.metric("ready")
	r.terminate()
	require.Zero(r.t, r.gone(2*patience), "exit code of %s\n%s", r.name, tail(r.out.String()))
}

// command runs another subcommand against the running relay, and returns what it
// printed; what it said besides is in the error.
func (r *relay) command(args ...string) (out string, err error) {
	r.t.Helper()
	cmd := exec.Command(r.path, append(args, "--admin-listen", r.admin)...)
	var said strings.Builder
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, said.String())
	}
	return string(text), err
}
