package deliver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A killer makes an import look as if its process were killed at a request: from
// then on nothing reaches the server, and the files are as they were.
type killer struct {
	i        *importer
	at       int  // number of the request
	after    bool // the server has it
	cancel   context.CancelFunc
	mu       sync.Mutex
	requests int
	to       string // directory of the files as they were; empty before
}

func (k *killer) roundTrip(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests++
	switch {
	case k.to != "":
		return nil, errors.New("killed")
	case k.requests < k.at:
		return next.RoundTrip(r)
	}
	if k.after {
		if answer, err := next.RoundTrip(r); err == nil {
			_ = answer.Body.Close()
		}
	}
	k.to = k.i.t.TempDir()
	k.copyFiles()
	k.cancel()
	return nil, errors.New("killed")
}

// copyFiles copies the state first: rejects may be ahead of it.
func (k *killer) copyFiles() {
	for _, path := range []string{k.i.path(), k.i.rejectsPath()} {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(k.i.t, err)
		require.NoError(k.i.t, os.WriteFile(filepath.Join(k.to, filepath.Base(path)), text, 0o600))
	}
}

// mixed returns rows of all kinds. Some are refused, by the import or the server.
func mixed(random *rand.Rand) (rows *memory, good int) {
	rows = &memory{chunk: 1 + random.IntN(150)}
	add := func(endpoint, format string) {
		n := len(rows.rows)
		message, reason := fmt.Sprintf(format, n, n%7), ""
		switch {
		case random.IntN(20) == 0:
			reason = "no timestamp"
		case random.IntN(40) == 0:
			message = strings.TrimSuffix(message, "}}") + `,"bad":1e}}`
		default:
			good++
		}
		rows.add(endpoint, message, reason)
	}
	for range random.IntN(100) {
		add(record.Identify, `{"timestamp":"2024-01-01","distinct_id":"u%d","traits":{"team":%d}}`)
	}
	for range 300 + random.IntN(400) {
		env := []string{"production", "staging"}[random.IntN(2)]
		add(record.Track, `{"environment":"`+env+`","distinct_id":"u1","event":"e%d","properties":{"$event_id":%d}}`)
	}
	return rows, good
}

func TestAnImportKilledAtAnyRequestLosesNothing(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { killAgainAndAgain(t, rand.New(rand.NewPCG(seed, 17))) })
		})
	}
}

func killAgainAndAgain(t *testing.T, random *rand.Rand) {
	rows, good := mixed(random)
	i := newImporter(t, rows)
	var result Result
	kills := 0
	for finished := false; !finished; finished = result.Finished {
		ctx, cancel := context.WithCancel(t.Context())
		k := &killer{i: i, at: 1 + random.IntN(25), after: random.IntN(2) == 0, cancel: cancel}
		if kills == 6 {
			k.at = 1 << 20
		}
		i.onRequest(k.roundTrip)
		stop, cancelStop := context.WithCancel(t.Context())
		context.AfterFunc(ctx, cancelStop)
		var err error
		result, err = i.runWith(ctx, stop, nil)
		cancel()
		require.NoError(t, err)
		if k.to != "" {
			kills++
			i.dir = k.to
			result.Finished = false
		}
	}
	assertComplete(t, i, result, good)
	twice := 0
	for _, n := range i.arrived() {
		twice += n - 1
	}
	assert.GreaterOrEqual(t, result.Duplicates, int64(twice))
	assert.LessOrEqual(t, twice, kills*(10+2)*20, "duplicates at most what was in flight")
}

// assertComplete checks that every row is at the server or in the file of rejects.
func assertComplete(t *testing.T, i *importer, result Result, good int) {
	t.Helper()
	assert.EqualValues(t, good, result.Delivered)
	rejected := strings.Split(strings.TrimSpace(i.rejected()), "\n")
	assert.EqualValues(t, len(i.rows.rows)-good, result.Rejected["no timestamp"]+result.Rejected["server answered 400"])
	assert.Len(t, rejected, len(i.rows.rows)-good, "no reject is lost or there twice")
	arrived := i.arrived()
	for n, row := range i.rows.rows {
		suffix := fmt.Sprintf(`,"row":%d}`, n+1)
		refused := false
		for _, line := range rejected {
			refused = refused || strings.HasSuffix(line, suffix)
		}
		if row.Endpoint == record.Track {
			assert.Equal(t, !refused, arrived[fmt.Sprintf("e%d", n)] > 0, "row %d", n)
		}
	}
}

func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(300))
		i.rows.fails = 200
		_, err := i.run(t.Context())
		require.Error(t, err)
		i.rows.fails = 0
		next := i.rows.rows[:180]

		same, err := Verify(t.Context(), &memory{rows: next, chunk: 7}, 180)
		require.NoError(t, err)
		var stored string
		_, err = i.runWith(t.Context(), t.Context(), func(f *files) {
			require.EqualValues(t, 180, f.state.Next())
			stored = f.state.Last().Chain
		})
		require.NoError(t, err)
		assert.Equal(t, stored, same)

		other := tracks(180)
		other.rows[3].Message = []byte(`{}`)
		changed, err := Verify(t.Context(), other, 180)
		require.NoError(t, err)
		assert.NotEqual(t, stored, changed)
		few, err := Verify(t.Context(), tracks(179), 180)
		require.NoError(t, err)
		assert.Empty(t, few)
		none, err := Verify(t.Context(), tracks(1), 0)
		require.NoError(t, err)
		assert.Empty(t, none)
		_, err = Verify(t.Context(), &memory{rows: next, chunk: 7, fails: 20}, 180)
		assert.Error(t, err)
	})
}
