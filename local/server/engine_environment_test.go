package server

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What the user's shell has is not for who asks.
func TestEngineEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HOME", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "http://user:hunter2@proxy:1")
	}
	r := startLocal(t, Config{})
	assert.NotContains(t, r.rows("FROM duckdb_settings()"), "hunter2")
	for _, variable := range engineEnvironment() {
		assert.NotContains(t, variable, "hunter2")
	}
}
