package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// TestForgottenTenant adds a file of tenants to a relay that had the one of the variables.
func TestForgottenTenant(t *testing.T) {
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	api.Down()
	env := map[string]string{"ALTERTABLE_API_KEY": apiKey}
	args := []string{"--data", t.TempDir(), "--api", api.URL, "--shutdown-timeout", "10s"} // all of it passes: what a busy machine does within it is no failure
	s := serveWith(t, env, args...).working()
	assert.NotContains(t, s.err.String(), "not configured")
	s.track("any", "signed_up")
	assert.Zero(t, s.stop())
	file := writeFile(t, "relay.yaml", "tenants: [{name: shop, api_key_env: ALTERTABLE_API_KEY}]")
	s = serveWith(t, env, append(args, "--config", file)...)
	s.err.wait(t, `level=WARN msg="messages of a tenant that is not configured stay stored.* stream=ALTERTABLE_default messages=1`)
	assert.Zero(t, s.stop())
}
