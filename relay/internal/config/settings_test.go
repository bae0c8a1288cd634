package config

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEachSetting gives each setting as a flag, a variable and a key of the file.
func TestEachSetting(t *testing.T) {
	dir := t.TempDir()
	creds := filepath.Join(dir, "creds")
	require.NoError(t, os.WriteFile(creds, []byte("x"), 0o600))
	cert, key := writeCertificate(t, dir)
	tests := map[string]struct {
		value string
		with  []string
		want  func(*Config) any
		is    any
	}{
		"listen":           {"127.0.0.1:9000", nil, func(c *Config) any { return c.Listen }, "127.0.0.1:9000"},
		"admin-listen":     {"none", nil, func(c *Config) any { return c.AdminListen }, ""},
		"tls-cert":         {cert, []string{"--tls-key", key}, func(c *Config) any { return c.TLSCert }, cert},
		"tls-key":          {key, []string{"--tls-cert", cert}, func(c *Config) any { return c.TLSKey }, key},
		"tls-client-ca":    {cert, []string{"--tls-cert", cert, "--tls-key", key}, func(c *Config) any { return c.TLSClientCA }, cert},
		"data":             {dir, nil, func(c *Config) any { return c.Data }, dir},
		"nats":             {"nats://a:4222,tls://b", nil, func(c *Config) any { return c.NATS }, "nats://a:4222,tls://b"},
		"nats-creds":       {creds, []string{"--nats", "nats://a"}, func(c *Config) any { return c.NATSCreds }, creds},
		"nats-ca":          {cert, []string{"--nats", "nats://a"}, func(c *Config) any { return c.NATSCA }, cert},
		"nats-cert":        {cert, []string{"--nats", "nats://a", "--nats-key", key}, func(c *Config) any { return c.NATSCert }, cert},
		"nats-key":         {key, []string{"--nats", "nats://a", "--nats-cert", cert}, func(c *Config) any { return c.NATSKey }, key},
		"replicas":         {"5", []string{"--nats", "nats://a"}, func(c *Config) any { return c.Replicas }, 5},
		"sync":             {"always", nil, func(c *Config) any { return c.Sync }, true},
		"compression":      {"none", nil, func(c *Config) any { return c.Compress }, false},
		"dedupe-window":    {"1h30m", nil, func(c *Config) any { return c.DedupeWindow }, 90 * time.Minute},
		"pinned-ttl":       {"2s", nil, func(c *Config) any { return c.PinnedTTL }, 2 * time.Second},
		"ack-wait":         {"20s", nil, func(c *Config) any { return c.AckWait }, 20 * time.Second},
		"max-bytes":        {"10GiB", nil, func(c *Config) any { return c.Tenants[0].MaxBytes }, int64(10 << 30)},
		"api":              {"http://collector:8080/v1", nil, func(c *Config) any { return c.API }, "http://collector:8080/v1"},
		"insecure-http":    {"true", []string{"--api", "http://api.example"}, func(c *Config) any { return c.API }, "http://api.example"},
		"rate":             {"0.5", nil, func(c *Config) any { return c.Tenants[0].Rate }, 0.5},
		"max-in-flight":    {"256", nil, func(c *Config) any { return c.Tenants[0].MaxInFlight }, 256},
		"batch-size":       {"10000", nil, func(c *Config) any { return c.BatchSize }, 10_000},
		"role":             {"drain", nil, func(c *Config) any { return [2]bool{c.Intake, c.Drain} }, [2]bool{false, true}},
		"sync-timeout":     {"100ms", nil, func(c *Config) any { return c.SyncTimeout }, 100 * time.Millisecond},
		"shutdown-timeout": {"1m", nil, func(c *Config) any { return c.ShutdownTimeout }, time.Minute},
		"spool":            {dir, []string{"--spool-name", "jobs"}, func(c *Config) any { return c.SpoolDir }, dir},
		"spool-name":       {"jobs", []string{"--spool", dir}, func(c *Config) any { return c.SpoolName }, "jobs"},
		"trusted-proxies":  {"10.0.0.0/8, ::ffff:192.168.1.1", nil, func(c *Config) any { return c.TrustedProxies }, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.1/32")}},
		"log-level":        {"debug", nil, func(c *Config) any { return c.LogLevel }, slog.LevelDebug},
	}
	for _, setting := range settings {
		tt, ok := tests[setting.name]
		require.True(t, ok, setting.name)
		t.Run(setting.name, func(t *testing.T) {
			for from, s := range map[string]source{
				"flag":      keyed(append([]string{"--" + setting.name + "=" + tt.value}, tt.with...)...),
				"variable":  {args: tt.with, env: map[string]string{variable(setting.name): tt.value, "ALTERTABLE_API_KEY": secret}},
				"file":      {args: tt.with, env: map[string]string{"ALTERTABLE_API_KEY": secret}, file: setting.name + `: "` + filepath.ToSlash(tt.value) + `"` + "\n"},
				"plain key": {args: tt.with, env: map[string]string{"ALTERTABLE_API_KEY": secret}, file: underscored(setting.name) + ": " + tt.value + " # why\n"},
			} {
				assert.Equal(t, tt.is, tt.want(s.good(t)), from)
			}
		})
	}
	assert.Len(t, tests, len(settings))
}

// TestVariablesOfKubernetes are those that a Service of this name sets everywhere:
// ALTERTABLE_RELAY_PORT=tcp://10.0.0.1:8480, ALTERTABLE_RELAY_SERVICE_HOST=10.0.0.1.
func TestVariablesOfKubernetes(t *testing.T) {
	for _, s := range settings {
		assert.NotRegexp(t, `^ALTERTABLE_RELAY_(PORT|SERVICE)`, variable(s.name))
	}
}

func TestFlagsThatStandAlone(t *testing.T) {
	assert.True(t, keyed("--sync").good(t).Sync)
	assert.Equal(t, "http://api.example", keyed("--insecure-http", "--api", "http://api.example").good(t).API)
}

func TestListsOfTheFile(t *testing.T) {
	s := keyed()
	s.file = "role: [drain]\ntrusted_proxies:\n- 10.0.0.0/8\n- 2001:db8::/32\n"
	c := s.good(t)
	assert.False(t, c.Intake)
	assert.Len(t, c.TrustedProxies, 2)
}

func TestOffline(t *testing.T) {
	for _, args := range [][]string{{}, {"--api", "offline", "--data", t.TempDir()}, {"--listen", "localhost:0"}} {
		c := source{args: args}.good(t)
		assert.True(t, c.IsOffline(), "%q", args)
	}
	c := keyed("--api", "offline").good(t)
	assert.True(t, c.IsOffline())
	assert.Empty(t, c.Tenants[0].APIKey, "a key that nothing needs is not kept")
}
