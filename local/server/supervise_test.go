package server

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// TestEngineIsKilled kills one engine after the other, whatever it is doing,
// while events and queries arrive.
func TestEngineIsKilled(t *testing.T) {
	for _, where := range []string{"memory", "file"} {
		t.Run(where, func(t *testing.T) {
			var c Config
			if where == "file" {
				c.Data = filepath.Join(t.TempDir(), "data.duckdb")
			}
			r := startLocal(t, c)
			quiet(r)
			stop, killed := sendAlways(r), make(chan struct{})
			var queries sync.WaitGroup
			for range 2 {
				queries.Go(func() {
					for {
						select {
						case <-killed:
							return
						default:
						}
						status, answer := r.ask(`SELECT count(*) >= 0 FROM events`)
						if status != http.StatusOK { // killed twice while it ran
							assert.Contains(t, answer, `"engine-crashed"`)
						}
					}
				})
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 15 {
				e, err := r.database.live()
				require.NoError(t, err)
				for range random.IntN(4) { // as much happens as needs this
					r.ask(`SELECT 1`)
				}
				for range random.IntN(1000) { // and a little of it
					r.database.mu.Lock()
					_ = r.database.err
					r.database.mu.Unlock()
				}
				e.kill()
				<-e.ended
			}
			close(killed)
			queries.Wait()
			accepted := stop()
			requireStored(r, accepted)
			if where == "file" {
				r.stop()
				r = startLocal(t, c)
				requireStored(r, accepted)
			}
		})
	}
}

// An engine that ends right before or right after it stores a batch is followed
// by one that has it once.
func TestBatchOfAnEngineThatEnded(t *testing.T) {
	for _, c := range []Config{{}, {Data: filepath.Join(t.TempDir(), "data.duckdb")}} {
		r := startLocal(t, c)
		quiet(r)
		for n, when := range []string{"before", "after", "after, and another was started", "before it can tell", "meanwhile"} {
			r.post("/track", `{"environment":"production","event":"e","distinct_id":"a0","properties":{}}`)
			r.post("/identify", fmt.Sprintf(`{"environment":"production","distinct_id":"u","anonymous_id":"a%d"}`, n))
			require.NoError(t, applyAsEngineEnds(r.database, when), "%v: %s", c, when)
			assert.JSONEq(t, fmt.Sprintf(`[[%d]]`, n+1), r.rows(`SELECT count(*) FROM events WHERE identity_id = 'u' AND identity_traits IS NOT NULL`), "%v: %s", c, when)
		}
		assert.JSONEq(t, `[[["a0","a1","a2","a3","a4"]]]`, r.rows(`SELECT anonymous_ids FROM identities`))
		for when, stored := range map[string]string{"before": `[[0]]`, "after": `[[0]]`, "meanwhile": `[[0]]`} {
			r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
			require.NoError(t, r.database.catchUp())
			r.database.observe(altertabletest.Change{Reset: true})
			require.NoError(t, applyAsEngineEnds(r.database, when), "%v: reset %s", c, when)
			assert.JSONEq(t, stored, r.rows(`SELECT count(*) FROM events`), "%v: reset %s", c, when)
		}
		r.stop()
	}
}

// applyAsEngineEnds is what catchUp does, with an engine that ends meanwhile.
func applyAsEngineEnds(d *database, when string) error {
	d.applying.Lock() // nobody else applies
	defer d.applying.Unlock()
	d.mu.Lock()
	p := d.pending
	d.pending = pending{}
	d.mu.Unlock()
	b, e := p.batch(d.truth.Identity), d.engine
	switch when {
	case "before":
		e.kill()
		<-e.ended
		return d.apply(b)
	case "meanwhile":
		e.kill()
		return d.apply(b)
	}
	d.engineMu.Lock()
	d.inFlight, d.clearing = b.count, b.reset
	d.engineMu.Unlock()
	if _, err := e.call(callApply, b.frame()...); err != nil {
		return err
	}
	e.kill()
	<-e.ended
	switch when {
	case "after, and another was started":
		if _, err := d.live(); err != nil {
			return err
		}
	case "before it can tell":
		if _, err := d.live(); err != nil {
			return err
		}
		if err := d.settle(e, b); err != errEnded {
			return fmt.Errorf("settled: %v", err)
		}
	}
	return d.applyAfter(e, b)
}

// If there is no data to go on with, the server says so and ends.
func TestEngineCannotBeStartedAgain(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, file string){
		"gone": func(t *testing.T, file string) { require.NoError(t, os.Remove(file)) },
		"no database": func(t *testing.T, file string) {
			require.NoError(t, os.WriteFile(file, make([]byte, 100_000), 0o600))
		},
		"another": func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			s, err := openStore(file, false)
			require.NoError(t, err)
			require.NoError(t, s.close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "data.duckdb")
			r := startLocal(t, Config{Data: file})
			r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
			assert.JSONEq(t, `[[1]]`, r.rows(`SELECT count(*) FROM events`))
			r.database.engine.kill()
			<-r.database.engine.ended
			_ = os.Remove(file + ".wal")
			damage(t, file)
			<-r.Failed() // nobody has to ask
			status, answer := r.ask("SELECT 1")
			assert.Equal(t, 500, status)
			assert.Contains(t, answer, "cannot be started again")
			assert.Contains(t, answer, "data file "+file)
			status, _ = r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
			assert.Equal(t, 200, status, "nothing hangs")
			assert.ErrorContains(t, r.Server.Close(), "cannot be started again")
			r.Server = nil
		})
	}
}

// A database that is closed answers, and begins nothing.
func TestQueryAfterClose(t *testing.T) {
	d, err := openDatabase("", logToStderr)
	require.NoError(t, err)
	require.NoError(t, d.close())
	_, err = d.query(t.Context(), "SELECT 1")
	assert.ErrorContains(t, err, "canceled")
}
