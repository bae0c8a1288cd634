package config

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secret is in no output of this package.
const secret = "sk_7Qz9secret"

// A source is what one configuration is read from.
type source struct {
	args []string
	env  map[string]string
	file string
	use  Use
}

// read returns the configuration, or the lines of the error.
func (s source) read(t testing.TB) (*Config, []string) {
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	flags := NewFlags(set)
	args := s.args
	if s.file != "" {
		path := filepath.Join(t.TempDir(), "relay.yaml")
		require.NoError(t, os.WriteFile(path, []byte(s.file), 0o600))
		args = append([]string{"--config", path}, args...)
	}
	require.NoError(t, set.Parse(args))
	env := map[string]string{}
	for name, value := range s.env {
		env[name] = value
	}
	c, err := flags.Read(func(name string) string { return env[name] }, s.use)
	if err != nil {
		require.Nil(t, c)
		assert.NotContains(t, err.Error(), secret)
		return nil, strings.Split(err.Error(), "\n")
	}
	return c, nil
}

// good is the configuration of a source without an error.
func (s source) good(t testing.TB) *Config {
	t.Helper()
	c, wrong := s.read(t)
	require.Empty(t, wrong)
	return c
}

func keyed(args ...string) source {
	return source{args: args, env: map[string]string{"ALTERTABLE_API_KEY": secret}}
}

func TestNothingConfigured(t *testing.T) {
	c := source{}.good(t)
	assert.Equal(t, "127.0.0.1:8480", c.Listen)
	assert.Equal(t, "127.0.0.1:8481", c.AdminListen)
	assert.True(t, c.IsOffline())
	assert.True(t, strings.HasSuffix(c.Data, "altertable-relay-offline"))
	assert.Equal(t, []Tenant{{Name: "default", AnyToken: true, MaxInFlight: 8}}, c.Tenants)
	assert.Equal(t, 15*time.Second, c.PinnedTTL)
	assert.Equal(t, time.Minute, c.AckWait)
	assert.Equal(t, 2*time.Minute, c.DedupeWindow)
	assert.Equal(t, 30*time.Second, c.SyncTimeout)
	assert.Equal(t, 30*time.Second, c.ShutdownTimeout)
	assert.Equal(t, 100, c.BatchSize)
	assert.Equal(t, 1, c.Replicas)
	assert.True(t, c.Compress && c.Intake && c.Drain)
}

func TestKeyAlone(t *testing.T) {
	c := keyed().good(t)
	assert.Equal(t, "https://api.altertable.ai", c.API)
	assert.Equal(t, "127.0.0.1:8480", c.Listen, "without a token, the loopback alone")
	assert.Equal(t, secret, c.Tenants[0].APIKey)
	assert.Equal(t, "ALTERTABLE_API_KEY", c.Tenants[0].KeyFrom)
	assert.True(t, strings.HasSuffix(c.Data, "altertable-relay"), "not the embedded API's")
}

func TestToken(t *testing.T) {
	s := keyed()
	s.env["ALTERTABLE_RELAY_TOKEN"] = "producers"
	c := s.good(t)
	assert.Equal(t, ":8480", c.Listen)
	assert.False(t, c.Tenants[0].AnyToken)
	require.Len(t, c.Tenants[0].Tokens, 1)
}

func TestPrecedence(t *testing.T) {
	s := keyed()
	assert.Equal(t, 100, s.good(t).BatchSize)
	s.file = "batch_size: 1\n"
	assert.Equal(t, 1, s.good(t).BatchSize)
	s.env["ALTERTABLE_RELAY_BATCH_SIZE"] = "2"
	assert.Equal(t, 2, s.good(t).BatchSize)
	s.args = []string{"--batch-size", "3"}
	assert.Equal(t, 3, s.good(t).BatchSize)
	s.env["ALTERTABLE_RELAY_BATCH_SIZE"] = "what is replaced is not looked at"
	assert.Equal(t, 3, s.good(t).BatchSize)
	s.args, s.env["ALTERTABLE_RELAY_BATCH_SIZE"] = nil, ""
	assert.Equal(t, 1, s.good(t).BatchSize, "an empty variable is not set")
}

func TestEachErrorIsToldAtOnce(t *testing.T) {
	s := keyed("--listen", "8480", "--rate", "fast")
	s.env["ALTERTABLE_RELAY_MAX_IN_FLIGHT"] = "0"
	s.file = "replicas: 9\nunknown_thing: 1\n"
	_, wrong := s.read(t)
	assert.ElementsMatch(t, []string{
		`--listen: "8480" is not an address: host:port, such as :8480 or 127.0.0.1:8480`,
		`--rate: "fast" is not a number: requests a second, 0.001 to 1000000, or 0 for as many as the API takes`,
		`ALTERTABLE_RELAY_MAX_IN_FLIGHT: 0 is out of range: 1 to 256`,
		`relay.yaml:1: replicas: 9 is out of range: 1 to 5`,
		`relay.yaml:2: unknown-thing: is not a setting; the keys are the names of the flags, and tenants`,
	}, wrong)
}

func TestBaseURLOfServicesIsNotRead(t *testing.T) {
	s := keyed()
	s.env["ALTERTABLE_BASE_URL"] = "http://127.0.0.1:8480"
	assert.Equal(t, "https://api.altertable.ai", s.good(t).API)
}

func TestAskNeedsNoKey(t *testing.T) {
	s := source{args: []string{"--data", t.TempDir()}, use: Ask}
	assert.Equal(t, []string{"default"}, s.good(t).Names())
	s.file = "tenants:\n- {name: shop, api_key_env: SHOP_KEY}\n- {name: blog, api_key_file: /nowhere/key}\n"
	c, wrong := s.read(t)
	require.Empty(t, wrong)
	assert.Equal(t, []string{"shop", "blog"}, c.Names())
}
