package intake_test

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

// A thousand connections of one event a second, for a few seconds.
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
		client := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext, MaxIdleConnsPerHost: 1}}
		group.Go(func() {
			defer client.CloseIdleConnections()
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for second := range seconds {
				r := s.request(t, "/track", track(n*seconds+second))
				begin := time.Now()
				resp, err := client.Do(r)
				if !assert.NoError(t, err) || !assert.Equal(t, 200, read(t, resp).status) {
					return
				}
				mu.Lock()
				took = append(took, time.Since(begin))
				mu.Unlock()
				<-tick.C
			}
		})
	}
	group.Wait()
	require.Len(t, took, connections*seconds)
	seen := map[any]bool{}
	for _, e := range s.events(t, "acme") {
		seen[e["properties"].(map[string]any)["n"]] = true
	}
	assert.Len(t, seen, connections*seconds)
	assert.NotContains(t, strings.ToLower(s.log.String()), "u_1")
}
