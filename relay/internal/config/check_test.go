package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }

// writeCertificate returns the files of one for this machine that signs itself.
func writeCertificate(t testing.TB, dir string) (cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return cert, key
}

func TestWrongValues(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("no pem"), 0o600))
	cert, key := writeCertificate(t, dir)
	tests := []struct{ name, value, want string }{
		{"listen", "8480", `"8480" is not an address`},
		{"listen", "host:99999", `port "99999" is out of range: 0 to 65535`},
		{"listen", "http://host:1", "is not an address"},
		{"listen", ":8480", `":8480" can be reached by others, who need no token: set ALTERTABLE_RELAY_TOKEN`},
		{"listen", "0.0.0.0:8480", "can be reached by others"},
		{"admin-listen", "", "is not an address"},
		{"admin-listen", ":x", `port "x" is out of range`},
		{"admin-listen", "127.0.0.1:8480", "has the port of --listen"},
		{"tls-cert", " ", "must not be blank"},
		{"tls-cert", cert, "needs the other one of tls-cert and tls-key"},
		{"tls-key", key, "needs the other one of tls-cert and tls-key"},
		{"tls-client-ca", cert, "needs tls-cert and tls-key"},
		{"data", "~/relay", "must not begin with ~, which only a shell expands"},
		{"data", file, "is a file, not a directory"},
		{"data", "", "must not be blank"},
		{"nats", "http://host", "is not a list of URLs: nats://host:4222"},
		{"nats", "host:4222", "is not a list of URLs"},
		{"nats", "nats://user:" + secret + "@host", "must have no user, password or token: use nats-creds"},
		{"nats", "nats://host:99999", `port "99999" is out of range: 1 to 65535`},
		{"nats", "nats://host/x?y", "must be a scheme, a host and a port"},
		{"nats-creds", file, "needs --nats"},
		{"nats-ca", file, "needs --nats"},
		{"nats-cert", file, "needs --nats"},
		{"nats-key", file, "needs --nats"},
		{"replicas", "0", "0 is out of range: 1 to 5"},
		{"replicas", "6", "6 is out of range: 1 to 5"},
		{"replicas", "three", `"three" is not a number: 1 to 5`},
		{"replicas", "3", "3 is out of range: 1, since the embedded broker is one node"},
		{"sync", "1s", `must be always, got "1s"`},
		{"sync", "false", "must be always"},
		{"compression", "gzip", `must be s2 or none, got "gzip"`},
		{"dedupe-window", "120", `"120" is not a time: a number with its unit`},
		{"dedupe-window", "25h", "25h is out of range: 1s to 24h"},
		{"pinned-ttl", "11m", "11m is out of range: 1s to 10m"},
		{"pinned-ttl", "2m", ""},
		{"ack-wait", "0s", "0s is out of range: 1s to 1h"},
		{"ack-wait", "14s", "14s is out of range: at least pinned-ttl, 15s"},
		{"max-bytes", "ten", `"ten" is not a size: a number of bytes, or one with a unit, such as 500MB or 10GiB`},
		{"max-bytes", "1", `"1" is out of range: at least 4MiB`},
		{"max-bytes", "9999999PB", "is out of range: less than 8EiB"},
		{"api", "api.altertable.ai", "scheme must be http or https"},
		{"api", "http://api.example", "must be https for the host api.example"},
		{"api", "https://user:" + secret + "@host", "must have no user name, query or fragment"},
		{"api", "http://localhost:8480", `"http://localhost:8480" is this relay itself`},
		{"insecure-http", "maybe", `must be true, false, 1 or 0, got "maybe"`},
		{"rate", "-1", "-1 is out of range: requests a second, 0.001 to 1000000"},
		{"rate", "NaN", `"NaN" is not a number`},
		{"rate", "1e9", "is out of range"},
		{"rate", "+Inf", "is out of range"},
		{"max-in-flight", "257", "257 is out of range: 1 to 256"},
		{"batch-size", "0", "0 is out of range: 1 to 10000"},
		{"role", "both", `must be intake, drain or intake,drain, got "both"`},
		{"role", "", "must be intake, drain or intake,drain"},
		{"role", "intake", "intake alone needs --nats"},
		{"sync-timeout", "1ms", "1ms is out of range: 100ms to 5m"},
		{"shutdown-timeout", "2h", "2h is out of range: 1s to 1h"},
		{"spool", dir, "needs the other one of spool and spool-name"},
		{"spool", "$HOME/spool", "must not begin with $HOME"},
		{"spool-name", "jobs", "needs the other one of spool and spool-name"},
		{"spool-name", "", "must not be blank"},
		{"trusted-proxies", "10.0.0.0/33", `"10.0.0.0/33" is not a network`},
		{"trusted-proxies", "10.1.2.3/8", "write 10.0.0.0/8"},
		{"trusted-proxies", "0.0.0.0/0", "is every address"},
		{"trusted-proxies", "::ffff:0.0.0.0/96", "is every address"},
		{"trusted-proxies", "::ffff:10.1.2.3/104", "write 10.0.0.0/8"},
		{"trusted-proxies", "localhost", "is not a network"},
		{"log-level", "verbose", `must be debug, info, warn or error, got "verbose"`},
		{"log-level", "info+1", "must be debug"},
	}
	covered := map[string]bool{}
	for _, tt := range tests {
		covered[tt.name] = true
		_, wrong := keyed("--"+tt.name+"="+tt.value, "--admin-listen=127.0.0.1:8481").read(t)
		if tt.name == "admin-listen" {
			_, wrong = keyed("--" + tt.name + "=" + tt.value).read(t)
		}
		if tt.name == "pinned-ttl" && tt.want == "" { // longer than the default of ack-wait
			require.Len(t, wrong, 1)
			assert.Equal(t, "--ack-wait: 1m is out of range: at least pinned-ttl, 2m", wrong[0])
			continue
		}
		require.NotEmpty(t, wrong, "%s %q", tt.name, tt.value)
		assert.Contains(t, wrong[0], "--"+tt.name+": ", "%q", tt.value)
		assert.Contains(t, wrong[0], tt.want, "%s %q", tt.name, tt.value)
	}
	for _, s := range settings {
		assert.True(t, covered[s.name], s.name)
	}
}

func TestContradictions(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("no pem"), 0o600))
	cert, key := writeCertificate(t, dir)
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"--nats", "nats://a", "--data", dir}, "--data: is of the embedded broker, and --nats of another one: one of them"},
		{[]string{"--nats", "nats://a", "--sync"}, "--sync: is of the embedded broker"},
		{[]string{"--nats", "nats://a", "--nats-cert", cert}, "--nats-cert: needs the other one of nats-cert and nats-key"},
		{[]string{"--nats", "nats://a", "--nats-creds", "/nowhere/at/all"}, `--nats-creds: cannot read "/nowhere/at/all"`},
		{[]string{"--nats", "nats://a", "--nats-ca", dir}, "is a directory, not a file"},
		{[]string{"--tls-cert", file, "--tls-key", key}, "--tls-cert: "},
		{[]string{"--tls-cert", cert, "--tls-key", "/nowhere/at/all"}, `cannot read "/nowhere/at/all"`},
		{[]string{"--tls-cert", cert, "--tls-key", key, "--tls-client-ca", file}, "--tls-client-ca: "},
		{[]string{"--role", "drain", "--spool", dir, "--spool-name", "n"}, "--spool: needs the role intake"},
		{[]string{"--config", "/nowhere/relay.yaml"}, `--config: cannot read "/nowhere/relay.yaml"`},
		{[]string{"--config", dir}, "is a directory, not a file"},
	}
	for _, tt := range tests {
		_, wrong := keyed(tt.args...).read(t)
		require.Len(t, wrong, 1, "%q", tt.args)
		assert.Contains(t, wrong[0], tt.want, "%q", tt.args)
	}
	c := keyed("--nats", "nats://a").good(t)
	assert.Equal(t, 3, c.Replicas)
	assert.Empty(t, c.Data)
	assert.Empty(t, keyed("--role", "drain").good(t).Listen)
}

func TestADataDirectoryOfEverybodyIsNoted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no modes")
	}
	dir := t.TempDir()
	assert.Empty(t, keyed("--data", dir).good(t).Notes)
	require.NoError(t, os.Chmod(dir, 0o775)) // a volume of a cluster is its group's
	assert.Empty(t, keyed("--data", dir).good(t).Notes)
	require.NoError(t, os.Chmod(dir, 0o777))
	notes := keyed("--data", dir).good(t).Notes
	require.Len(t, notes, 1)
	assert.Contains(t, notes[0], "can be written by every user")
}

// TestMissingKey is about a key that is missing by mistake: what the relay
// accepted would be lost in an embedded server.
func TestMissingKey(t *testing.T) {
	for _, args := range [][]string{{"--data", t.TempDir()}, {"--api", "https://api.altertable.ai"}, {"--nats", "nats://a"}, {"--spool", t.TempDir(), "--spool-name", "n"}} {
		_, wrong := source{args: args}.read(t)
		require.Len(t, wrong, 1, "%q", args)
		assert.Contains(t, wrong[0], "ALTERTABLE_API_KEY: is not set, and "+args[0]+" is: ")
		assert.Contains(t, wrong[0], "--api offline")
	}
	_, wrong := source{env: map[string]string{"ALTERTABLE_RELAY_TOKEN": secret}}.read(t)
	require.Len(t, wrong, 1)
	assert.Contains(t, wrong[0], "ALTERTABLE_API_KEY: is not set, and ALTERTABLE_RELAY_TOKEN is")
	source{args: []string{"--role", "intake", "--nats", "nats://a"}}.good(t)
}

// TestKeysInTheWrongPlace are not repeated, as other wrong values are.
func TestKeysInTheWrongPlace(t *testing.T) {
	for _, flag := range []string{"--listen", "--rate", "--role", "--nats", "--log-level", "--tls-cert", "--config"} {
		for _, name := range []string{keyVariable, tokenVariable} {
			s := source{args: []string{flag, secret}, env: map[string]string{name: secret}}
			_, wrong := s.read(t)
			require.NotEmpty(t, wrong, flag)
			assert.NotContains(t, strings.Join(wrong, "\n"), secret)
		}
	}
}

func TestWrongKeys(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"ALTERTABLE_API_KEY", "atm_" + secret, "not a management key, which begins with atm_"},
		{"ALTERTABLE_API_KEY", secret + "\n", "must not have white space"},
		{"ALTERTABLE_API_KEY", "any", "which services send to a relay that takes any token"},
		{"ALTERTABLE_RELAY_TOKEN", "atm_" + secret, "begins with atm_"},
		{"ALTERTABLE_RELAY_TOKEN", secret + " ", "must not have white space"},
	}
	for _, tt := range tests {
		s := keyed()
		s.env[tt.name] = tt.value
		_, wrong := s.read(t)
		require.Len(t, wrong, 1)
		assert.Contains(t, wrong[0], tt.name+": ")
		assert.Contains(t, wrong[0], tt.want)
	}
}
