package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The credentials of the first tenant, which must not be found in any log.
const (
	apiKey     = "chaoskey-of-default"
	relayToken = "chaostoken-of-default"
)

// A world is one scenario: the API, the processes, and the books that are kept.
type world struct {
	t    *testing.T
	dir  string
	sink *sink

	mu        sync.Mutex
	processes []*process       // guarded by mu
	scrapes   strings.Builder  // guarded by mu; all metrics that were read
	direct    map[string][]int // guarded by mu; acknowledged to feeders, by source
	producers []*producer      // of the test's goroutine
}

// newWorld ends every process and looks for secrets when the test ends.
func newWorld(t *testing.T) *world {
	dir, err := os.MkdirTemp("", "altertable-chaos-world-")
	require.NoError(t, err)
	w := &world{t: t, dir: dir, sink: newSink(t), direct: map[string][]int{}}
	t.Cleanup(func() {
		for _, p := range w.all() {
			p.kill()
		}
		w.requireNoSecrets()
		if t.Failed() {
			w.tell()
		}
		assert.NoError(t, os.RemoveAll(dir))
	})
	return w
}

func (w *world) all() []*process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*process(nil), w.processes...)
}

// tell shows what the processes printed last.
func (w *world) tell() {
	for _, p := range w.all() {
		w.t.Logf("--- %s printed:\n%s", p.name, tail(p.out.String()))
	}
}

func (w *world) process(name, path string, args, env []string) *process {
	p := &process{t: w.t, name: name, path: path, args: args, env: env, out: &output{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes = append(w.processes, p)
	return p
}

// requireNoSecrets looks for keys, tokens and content in all that processes
// printed and in all metrics that were read.
func (w *world) requireNoSecrets() {
	w.mu.Lock()
	texts := map[string]string{"metrics": w.scrapes.String()}
	w.mu.Unlock()
	for _, p := range w.all() {
		texts[p.name] += p.out.String()
	}
	for name, text := range texts {
		for _, secret := range []string{"chaoskey", "chaostoken", secretPerson, secretNote, secretEvent} {
			if at := strings.Index(text, secret); at >= 0 {
				w.t.Errorf("%s tells of %s: %q", name, secret, text[max(0, at-200):min(len(text), at+100)])
			}
		}
	}
}

// A producer is a process with the SDK.
type producer struct {
	*process
	plan plan
}

// produce starts a producer. Zero fields of the plan get what the world has.
func (w *world) produce(p plan) *producer {
	w.t.Helper()
	p.Journal = filepath.Join(w.dir, "journal-"+p.Source)
	p.Token = or(p.Token, relayToken)
	w.sink.expect(p.Source, apiKeyOf(p.Token))
	text, err := json.Marshal(p)
	require.NoError(w.t, err)
	started := &producer{w.process("producer "+p.Source, built(w.t, producerBinary), nil, []string{planVariable + "=" + string(text)}), p}
	started.start()
	w.producers = append(w.producers, started)
	return started
}

func apiKeyOf(token string) string { return strings.Replace(token, "token", "key", 1) }

// acknowledged returns the numbers of the events that the relay has taken.
func (p *producer) acknowledged() []int {
	p.t.Helper()
	numbers, err := readJournal(p.plan.Journal)
	require.NoError(p.t, err)
	return numbers
}

// started returns when something was acknowledged.
func (p *producer) started(t *testing.T) {
	t.Helper()
	eventually(t, patience, "something is acknowledged", func() bool {
		info, err := os.Stat(p.plan.Journal)
		return err == nil && info.Size() > 0
	})
}

// finish ends the producers that still run. Each of their events must have been
// acknowledged.
func (w *world) finish(producers ...*producer) {
	w.t.Helper()
	if len(producers) == 0 {
		producers = w.producers
	}
	for _, p := range producers {
		if p.plan.Count == 0 {
			_ = p.stdin.Close() // one that was killed has none
		}
	}
	for _, p := range producers {
		if p.killed {
			continue
		}
		require.Zero(w.t, p.gone(2*patience), "%s: every event is acknowledged\n%s", p.name, tail(p.out.String()))
	}
}

// note keeps what the relay has taken of a feeder.
func (w *world) note(source string, numbers ...int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.direct[source] = append(w.direct[source], numbers...)
}

// books returns the numbers that were acknowledged, by source.
func (w *world) books() map[string][]int {
	w.t.Helper()
	books := map[string][]int{}
	for _, p := range w.producers {
		books[p.plan.Source] = append(books[p.plan.Source], p.acknowledged()...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for source, numbers := range w.direct {
		books[source] = append(books[source], numbers...)
	}
	return books
}

// A verdict is what became of all that was acknowledged.
type verdict struct{ acknowledged, lost, twice, wrong, foreign int }

func (v verdict) String() string {
	return fmt.Sprintf("%d acknowledged, %d lost, %d twice, %d first applications out of order", v.acknowledged, v.lost, v.twice, v.wrong)
}

// settle waits until all that was acknowledged is at the API, and judges.
func (w *world) settle(within time.Duration) verdict {
	w.t.Helper()
	books := w.books()
	w.sink.within(within, func() bool {
		for source, numbers := range books {
			if !w.sink.has(source, numbers) {
				return false
			}
		}
		return true
	})
	return w.judge(books)
}

func (w *world) judge(books map[string][]int) (v verdict) {
	for source, numbers := range books {
		v.acknowledged += len(numbers)
		v.lost += w.sink.missing(source, numbers)
	}
	w.sink.ledger.mu.Lock()
	defer w.sink.ledger.mu.Unlock()
	for _, a := range w.sink.sources {
		v.twice += a.twice
		v.wrong += a.wrong
	}
	v.foreign = w.sink.foreign
	return v
}

// requireAfterBoth is require where a broker was killed and a relay soon after. A
// broker that is killed forgets the last acknowledgements, which the relay remembers,
// until it is killed as well: nothing but the time in between bounds what comes twice.
func (w *world) requireAfterBoth(v verdict) {
	w.t.Helper()
	w.require(v, v.acknowledged)
}

// require fails unless nothing is lost or out of order, and at most so much came twice.
// An answer of the sink that came too late, on a busy machine, is a lost one: its events
// may come again.
func (w *world) require(v verdict, twice int) {
	w.t.Helper()
	twice += w.sink.tooLate() * batchSize
	w.t.Logf("%s (at most %d may be)", v, twice)
	assert.Positive(w.t, v.acknowledged)
	assert.Zero(w.t, v.lost, "lost of what was acknowledged")
	assert.Zero(w.t, v.wrong, "first applications out of order")
	assert.Zero(w.t, v.foreign, "at another tenant's API")
	assert.LessOrEqual(w.t, v.twice, twice, "twice")
}
