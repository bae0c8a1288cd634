package server

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConfigsThatAreRefused(t *testing.T) {
	for says, c := range map[string]Config{
		"port -1":            {Port: -1},
		"port 65536":         {Port: 65536},
		"status 99":          {Fail: 99},
		"status 200":         {Fail: 200},
		"status 600":         {Fail: 600},
		"status -1":          {Fail: -1},
		"share 1.5":          {Fail: 503, FailRate: 1.5},
		"share -1":           {Fail: 503, FailRate: -1},
		"share NaN":          {Fail: 503, FailRate: math.NaN()},
		"latency -1s":        {Latency: -time.Second},
		"a key must not":     {Keys: []string{"the secret", ""}},
		"an environment":     {Environments: []string{""}},
		"without a slash, a": {Origins: []string{"http://localhost:5173", "http://localhost:5173/"}},
	} {
		err := c.Validate()
		assert.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "secret")
		_, started := Start(c)
		assert.Equal(t, err, started)
	}
}

// What is left out is what the documentation says, and what a caller's lists
// become later is nothing to the server.
func TestConfigThatSaysNothing(t *testing.T) {
	require.NoError(t, Config{}.Validate())
	keys := []string{"first"}
	r := startLocal(t, Config{Keys: keys, Fail: 503})
	keys[0] = "second"
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, r.URL())
	r.key = "first"
	assert.JSONEq(t, `[[1]]`, r.rows("SELECT 1"))
	for range 10 {
		status, _ := r.post("/track", `[]`)
		assert.Equal(t, 503, status, "all requests fail")
	}
}
