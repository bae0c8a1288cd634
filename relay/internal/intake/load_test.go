package intake_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

// A thousand connections of one event a second, for a few seconds. Each event is a
// write that is synced to the disk: where that takes long, some are told to come
// again, as an SDK does. In the end each is there once.
func TestAThousandConnections(t *testing.T) {
	connections, seconds := 1000, 3
	if testing.Short() {
		connections, seconds = 200, 1
	}
	s := start(t, intake.Options{})
	var mu sync.Mutex
	var took []time.Duration
	var group sync.WaitGroup
	for n := range connections {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
		group.Go(func() {
			defer client.CloseIdleConnections()
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for second := range seconds {
				begin := time.Now()
				for again := true; again; <-tick.C {
					resp, err := client.Do(s.request(t, "/track", track(n*seconds+second)))
					if !assert.NoError(t, err) {
						return
					}
					a := read(t, resp)
					if again = a.status == 503; again {
						assert.NotEmpty(t, a.header.Get("Retry-After"))
						continue
					}
					assert.Equal(t, 200, a.status)
					mu.Lock()
					took = append(took, time.Since(begin))
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	require.Len(t, took, connections*seconds)
	slices.Sort(took)
	t.Logf("half of the answers within %v, all within %v", took[len(took)/2], took[len(took)-1])
	seen := map[any]int{}
	for _, e := range s.events(t, "acme") {
		seen[e["properties"].(map[string]any)["n"]]++
	}
	require.Len(t, seen, connections*seconds)
	for n, times := range seen {
		require.Equal(t, 1, times, n)
	}
	assert.NotContains(t, s.log.String(), "u_1")
}
