package chaos

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tenants makes a relay of several tenants, whose tokens and keys end in "-of-NAME".
func (w *world) tenants(names ...string) *relay {
	w.t.Helper()
	var text strings.Builder
	text.WriteString("tenants:\n")
	var env []string
	for _, name := range names {
		fmt.Fprintf(&text, "  - name: %s\n    api_key_env: CHAOS_KEY_%s\n    tokens: [{sha256: %x}]\n", name, strings.ToUpper(name), sha256.Sum256([]byte("chaostoken-of-"+name)))
		env = append(env, "CHAOS_KEY_"+strings.ToUpper(name)+"=chaoskey-of-"+name)
	}
	file := filepath.Join(w.dir, "relay.yaml")
	require.NoError(w.t, os.WriteFile(file, []byte(text.String()), 0o600))
	r := w.relay("r", "--config", file)
	r.env = env
	return r
}

func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(float64(len(all)-1)*p)]
}

// A tenant whose API answers 429, or 401, holds up nothing of the other. That it
// costs the other no time is compared with -long.
func TestTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.tenants("a", "b").start()
	w.produce(plan{Source: "b", URL: r.URL(), Token: "chaostoken-of-b", PerSecond: 200, Identify: 4})
	measure := func(what string) (median time.Duration) {
		w.sink.awaitMore(t, 200, patience, "b") // what began before
		w.sink.latencies("b")
		w.sink.awaitMore(t, form(400, 20_000), patience, "b")
		all := w.sink.latencies("b")
		median = percentile(all, 0.5)
		t.Logf("%s: b takes %v in the median, %v at 99 %%", what, median.Round(time.Millisecond), percentile(all, 0.99).Round(time.Millisecond))
		return median
	}
	alone := measure("without a")
	w.produce(plan{Source: "a", URL: r.URL(), Token: "chaostoken-of-a", PerSecond: 200, Identify: 4})
	beside := measure("beside a")
	for _, code := range []int{http.StatusTooManyRequests, http.StatusUnauthorized} {
		w.sink.set(forKey("chaoskey-of-a", status(code)))
		w.sink.await(t, patience, "a was refused", func() bool { return w.sink.answers(code) > 0 })
		median := measure(fmt.Sprintf("while a is answered %d", code))
		t.Logf("ratio %.2f to b alone, %.2f to b beside a", ratio(median, alone), ratio(median, beside))
		if *long {
			assert.Less(t, median, 2*max(alone, beside)+20*time.Millisecond)
		}
	}
	w.sink.set()
	w.finish()
	w.require(w.settle(patience), 0)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
