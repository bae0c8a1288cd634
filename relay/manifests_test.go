package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
)

// object is what the tests ask of an object of Kubernetes.
type object struct {
	Kind string
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct{ Args []string }
			}
		}
	}
}

// manifest returns the arguments and the configuration file of a manifest.
func manifest(t *testing.T, name string) (args []string, file string) {
	t.Helper()
	for _, document := range strings.Split(readFile(t, name), "\n---\n") {
		var o object
		require.NoError(t, yaml.Unmarshal([]byte(document), &o), name)
		switch o.Kind {
		case "ConfigMap":
			file = o.Data["relay.yaml"]
		case "StatefulSet", "Deployment":
			args = o.Spec.Template.Spec.Containers[0].Args
		}
	}
	return args, file
}

// configured returns what the relay makes of the manifest, with the Secret's files
// in a directory of the test, and sums in place of what has to be replaced.
func configured(t *testing.T, name string, replace *regexp.Regexp) (*config.Config, error) {
	t.Helper()
	args, text := manifest(t, name)
	secret := t.TempDir()
	for file, content := range map[string]string{
		"shop-api-key": "key", "relay.creds": "credentials", "nats-ca.pem": "certificates",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(secret, file), []byte(content), 0o600))
	}
	text = strings.ReplaceAll(text, "/etc/altertable-relay/keys", filepath.ToSlash(secret))
	sums := 0
	text = replace.ReplaceAllStringFunc(text, func(string) string {
		sums++
		return strings.Repeat("0123456789abcde"+string(rune('0'+sums)), 4)
	})
	file := filepath.Join(t.TempDir(), "relay.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	set, f := flags()
	require.Equal(t, "serve", args[0])
	args = append([]string(nil), args[1:]...)
	for i, arg := range args {
		if arg == "/etc/altertable-relay/relay.yaml" {
			args[i] = file
		}
	}
	require.NoError(t, set.Parse(args), "%s has a flag that serve has not", name)
	require.Empty(t, set.Args(), name)
	return f.Read(func(string) string { return "" }, config.Serve)
}

var placeholder = regexp.MustCompile(`REPLACE-ME(-TOO)?`)

func TestManifestsAreOnesThatServeTakes(t *testing.T) {
	for name, tokens := range map[string]int{"manifests/embedded.yaml": 2, "manifests/cluster.yaml": 1} {
		c, err := configured(t, name, placeholder)
		require.NoError(t, err, name)
		assert.False(t, c.IsOffline(), name)
		assert.Equal(t, []string{"shop"}, c.Names())
		assert.Len(t, c.Tenants[0].Tokens, tokens)
		assert.Equal(t, []string{"production"}, c.Tenants[0].Environments)
		assert.Empty(t, c.Notes, "what the relay would rather have otherwise")
		assert.True(t, c.Intake && c.Drain)
	}
}

// Nobody runs a relay with tokens that are written here.
func TestManifestsHaveNoToken(t *testing.T) {
	for _, name := range []string{"manifests/embedded.yaml", "manifests/cluster.yaml"} {
		_, err := configured(t, name, regexp.MustCompile(`$^`))
		assert.ErrorContains(t, err, "must be the SHA-256 of the token", name)
	}
}
