package config

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	hashA = hashOf("token-a")
	hashB = hashOf("token-b")
)

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func TestTenants(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte(secret+"\n"), 0o600))
	s := source{env: map[string]string{"SHOP_KEY": "sk_shop"}, file: `
listen: :8480
rate: 50
max_bytes: 10GiB
trusted_proxies: [10.0.0.0/8]
tenants:
- name: shop
  api_key_env: SHOP_KEY
  tokens:
  - {sha256: ` + hashA + `}
  - sha256: ` + strings.ToUpper(hashB) + `
    browser: true
  environments: [production, staging]
  origins: [https://shop.example, "http://localhost:5173"]
  rate: 0.5
  max_bytes: 500MB
  max_in_flight: 2
- name: "0123"
  api_key_file: ` + filepath.ToSlash(key) + `
  tokens: [{sha256: ` + hashOf("c") + `}]
  rate: 0
`}
	c := s.good(t)
	require.Len(t, c.Tenants, 2)
	shop, blog := c.Tenants[0], c.Tenants[1]
	assert.Equal(t, Tenant{
		Name: "shop", APIKey: "sk_shop", KeyFrom: "SHOP_KEY", Rate: 0.5, MaxInFlight: 2, MaxBytes: 500_000_000,
		Tokens:       []Token{{SHA256: sha256.Sum256([]byte("token-a"))}, {SHA256: sha256.Sum256([]byte("token-b")), Browser: true}},
		Environments: []string{"production", "staging"}, Origins: []string{"https://shop.example", "http://localhost:5173"},
	}, shop)
	assert.Equal(t, secret, blog.APIKey)
	assert.Equal(t, "0123", blog.Name)
	assert.Zero(t, blog.Rate, "a tenant may have no limit")
	assert.Equal(t, 8, blog.MaxInFlight)
	assert.Equal(t, int64(10<<30), blog.MaxBytes)
	assert.Empty(t, c.Notes)
}

// TestHashesThatLookLikeNumbers are what YAML takes for numbers.
func TestHashesThatLookLikeNumbers(t *testing.T) {
	for _, hash := range []string{strings.Repeat("1", 64), "0" + strings.Repeat("7", 63), "1e" + strings.Repeat("9", 62), strings.Repeat("1", 62) + "e5", "0b" + strings.Repeat("1", 62)} {
		c := source{args: []string{"--api", "offline"}, file: "tenants: [{name: shop, tokens: [{sha256: " + hash + "}]}]"}.good(t)
		assert.Equal(t, hash, hex.EncodeToString(c.Tenants[0].Tokens[0].SHA256[:]))
	}
}

// TestKeysThatNobodyNeeds are not read: an intake does not get the secrets of drains.
func TestKeysThatNobodyNeeds(t *testing.T) {
	file := "tenants: [{name: shop, api_key_env: MISSING}, {name: blog, api_key_file: /nowhere/key}, {name: pets}]\n"
	file = strings.ReplaceAll(file, "}", ", tokens: [{sha256: HASH}]}")
	for _, token := range []string{"a", "b", "c"} {
		file = strings.Replace(file, "HASH", hashOf(token), 1)
	}
	for _, args := range [][]string{{"--api", "offline"}, {"--role", "intake", "--nats", "nats://a"}} {
		c := source{args: args, file: file}.good(t)
		assert.Equal(t, []string{"shop", "blog", "pets"}, c.Names())
	}
}

// TestWrongTenants names a line in each error, and never shows a key or a token.
func TestWrongTenants(t *testing.T) {
	good := ", api_key_env: SHOP_KEY"
	tests := []struct{ tenants, want string }{
		{"tenants: []", "relay.yaml:1: tenants: must be a list of at least one tenant"},
		{"tenants: shop", "tenants: must be a list"},
		{"tenants:\n- shop", "relay.yaml:2: tenants[0]: must have keys with values"},
		{"tenants: [{api_key_env: SHOP_KEY}]", "tenants[0]: has no name"},
		{"tenants: [{name: Shop" + good + "}]", `tenants[0].name: "Shop" is not a tenant's name`},
		{"tenants: [{name: dlq" + good + "}]", `"dlq" is not a tenant's name`},
		{"tenants: [{name: " + strings.Repeat("a", 33) + good + "}]", "is not a tenant's name"},
		{"tenants: [{name: a.b" + good + "}]", "is not a tenant's name"},
		{"tenants: [{name: [a]" + good + "}]", "must be one plain value"},
		{"tenants:\n- {name: shop" + good + ", tokens: [{sha256: " + hashA + "}]}\n- {name: shop" + good + ", tokens: [{sha256: " + hashB + "}]}", `relay.yaml:3: tenants[1]: has the name "shop" of tenants[0]`},
		{"tenants:\n- {name: shop_dlq" + good + ", tokens: [{sha256: " + hashA + "}]}\n- {name: shop" + good + ", tokens: [{sha256: " + hashB + "}]}", "relay.yaml:2: tenants[0]: has the name of tenants[1] with _dlq"},
		{"tenants: [{name: shop}]", "tenants[0]: has no API key: api_key_env names a variable"},
		{"tenants: [{name: shop, api_key_env: SHOP_KEY, api_key_file: /x}]", "has api_key_env and api_key_file: one of them"},
		{"tenants: [{name: shop, api_key: " + secret + "}]", "tenants[0].api-key: a key does not belong in this file: write api_key_env"},
		{"api_key: " + secret, "relay.yaml:1: api-key: a key does not belong in this file"},
		{"token: " + secret, "a token does not belong in this file"},
		{"tokens: [" + secret + "]", "tokens: belongs to a tenant"},
		{"tenants: [{name: shop, api_key_env: " + secret + "}]", "must be the name of a variable, not a key"},
		{"tenants: [{name: shop, api_key_env: MISSING}]", "the variable MISSING is not set"},
		{"tenants: [{name: shop, api_key_env: MANAGEMENT}]", "the variable MANAGEMENT: must be an ingestion key"},
		{"tenants: [{name: shop, api_key_file: " + secret + "}]", "must be the path of a file, with a slash"},
		{"tenants: [{name: shop, api_key_file: /nowhere/key}]", `cannot read "/nowhere/key": no such file`},
		{"tenants: [{name: shop" + good + ", tokens: [" + secret + "]}]", "tokens[0]: must be {sha256: ...}"},
		{"tenants: [{name: shop" + good + ", tokens: {sha256: " + hashA + "}}]", "tokens: must be a list"},
		{"tenants: [{name: shop" + good + ", tokens: [{sha256: " + secret + "}]}]", "tokens[0].sha256: must be the SHA-256 of the token: 64 hexadecimal digits"},
		{"tenants: [{name: shop" + good + ", tokens: [{sha256: " + hashOf("") + "}]}]", "is the SHA-256 of an empty token"},
		{"tenants: [{name: shop" + good + ", tokens: [{browser: true}]}]", "tokens[0]: has no sha256"},
		{"tenants: [{name: shop" + good + ", tokens: [{sha256: " + hashA + ", browser: " + secret + "}]}]", "browser: must be true, false, 1 or 0"},
		{"tenants: [{name: shop" + good + ", tokens: [{sha256: " + hashA + ", " + secret + ": true}]}]", "tokens[0]: has a key that is not a setting of a token"},
		{"tenants: [{name: shop, api_key_file: " + secret + "/x.y}]", "cannot read the file that it names: no such file"},
		{"tenants: [{name: shop" + good + ", tokens: [{sha256: " + hashA + ", token: " + secret + "}]}]", "is not a setting of a token: sha256, browser"},
		{"tenants:\n- {name: a" + good + ", tokens: [{sha256: " + hashA + "}]}\n- {name: b" + good + ", tokens: [{sha256: " + hashA + "}]}", "tenants[1].tokens[0]: is the token of tenants[0].tokens[0], too"},
		{"tenants:\n- {name: a" + good + "}\n- {name: b" + good + ", tokens: [{sha256: " + hashA + "}]}", "relay.yaml:2: tenants[0]: has no tokens"},
		{"tenants: [{name: shop" + good + ", environments: production}]", "environments: must be a list"},
		{"tenants: [{name: shop" + good + ", environments: [\" \"]}]", "must not be blank"},
		{"tenants: [{name: shop" + good + ", environments: [a, a]}]", `"a" is there twice`},
		{"tenants: [{name: shop" + good + ", origins: [shop.example]}]", `"shop.example" is not an origin`},
		{"tenants: [{name: shop" + good + ", rate: fast}]", `rate: "fast" is not a number`},
		{"tenants: [{name: shop" + good + ", max_bytes: 1}]", "is out of range: at least 4MiB"},
		{"tenants: [{name: shop" + good + ", max_in_flight: 0}]", "0 is out of range: 1 to 256"},
		{"tenants: [{name: shop" + good + ", replicas: 1}]", "replicas: is not a setting of a tenant"},
		{"tenants: [{name: shop" + good + "}]\nspool: /x\nspool_name: n\nlisten: 0.0.0.0:1", "can be reached by others"},
		{"tenants:\n- {name: a" + good + ", tokens: [{sha256: " + hashA + "}]}\n- {name: b" + good + ", tokens: [{sha256: " + hashB + "}]}\nspool: /x\nspool_name: n", "spool: needs one tenant, not 2"},
	}
	for _, tt := range tests {
		s := source{file: tt.tenants, env: map[string]string{"SHOP_KEY": "sk_shop", "MANAGEMENT": "atm_" + secret}}
		_, wrong := s.read(t)
		require.NotEmpty(t, wrong, tt.tenants)
		assert.Contains(t, strings.Join(wrong, "\n"), tt.want, tt.tenants)
	}
	s := source{file: "tenants: [{name: shop" + good + "}]", env: map[string]string{"SHOP_KEY": "sk", "ALTERTABLE_RELAY_TOKEN": secret}}
	_, wrong := s.read(t)
	assert.Equal(t, []string{"ALTERTABLE_RELAY_TOKEN: is the token of a relay without tenants; the file's have their own"}, wrong)
}

func TestKeyFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no modes")
	}
	dir := t.TempDir()
	read := func(content string, mode os.FileMode) (*Config, string) {
		path := filepath.Join(dir, "key")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		c, wrong := source{file: "tenants: [{name: shop, api_key_file: " + path + "}]"}.read(t)
		return c, strings.Join(wrong, "\n")
	}
	for _, content := range []string{secret, secret + "\n", secret + "\r\n"} {
		c, wrong := read(content, 0o400)
		require.Empty(t, wrong)
		assert.Equal(t, secret, c.Tenants[0].APIKey)
		assert.Empty(t, c.Notes)
	}
	c, wrong := read(secret, 0o644)
	require.Empty(t, wrong, "what Kubernetes and Docker mount")
	require.Len(t, c.Notes, 1)
	assert.Contains(t, c.Notes[0], "can be read by every user: mode 0644")
	assert.NotContains(t, c.Notes[0], secret)
	for _, mode := range []os.FileMode{0o620, 0o602, 0o666} {
		_, wrong := read(secret, mode)
		assert.Contains(t, wrong, "can be written by others: mode")
	}
	for content, want := range map[string]string{
		"": "is empty", "\n": "is empty", "  \n": "is empty", secret + " \n": "must not have white space", secret + "\n\n": "must not have white space",
		"a b": "must not have white space", "atm_" + secret: "not a management key", strings.Repeat("k", 5000): "is too large: 4096 bytes at most",
	} {
		_, wrong := read(content, 0o600)
		assert.Contains(t, wrong, want, "%.20q", content)
	}
	_, lines := source{file: "tenants: [{name: shop, api_key_file: " + dir + "}]"}.read(t)
	assert.Contains(t, strings.Join(lines, "\n"), "is not a regular file")
}

func TestOrigins(t *testing.T) {
	for _, origin := range []string{"https://shop.example", "http://localhost:5173", "http://127.0.0.1:80800"[:21], "http://[::1]:5173", "https://xn--bcher-kva.example"} {
		assert.NoError(t, checkOrigin(origin), origin)
	}
	for _, origin := range []string{
		"", "*", "null", "shop.example", "https://", "https://shop.example/", "https://shop.example/path", "https://shop.example?x", "https://shop.example#x",
		"https://user@shop.example", "https://Shop.example", "HTTPS://shop.example", "https://*.example", "https://shop.example:443", "http://shop.example:80",
		"https://shop.example:99999", "https://shop.example:", "ftp://shop.example", "https://b\u00fccher.example", "https://shop .example",
	} {
		assert.Error(t, checkOrigin(origin), origin)
	}
}
