package config

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

func TestFileThatIsWrong(t *testing.T) {
	tests := []struct{ file, want string }{
		{"listen: a:1\nlisten: b:2\n", "relay.yaml:2: listen: is there twice: also in line 1"},
		{"max_bytes: 10GiB\nmax-bytes: 11GiB\n", "relay.yaml:2: max-bytes: is there twice: also in line 1"},
		{"- listen\n", "relay.yaml:1: must have keys with values, such as listen: :8480"},
		{"listen\n", "must have keys with values"},
		{"listen:\n", "relay.yaml:1: listen: has no value: leave the line out for the default"},
		{"listen: {a: b}\n", "listen: must be one plain value"},
		{"listen: [a, b]\n", "listen: must be one plain value"},
		{"listen: &a :8480\nadmin_listen: *a\n", "must be one plain value"},
		{"listen: !!str :8480\n", "listen: must be one plain value"},
		{"listen: \"" + secret + "\n", "relay.yaml:1: is not YAML: "},
		{"\tlisten: " + secret + "\n", "is not YAML"},
		{"listen: :1\n---\nlisten: :2\n", "must be one document"},
		{"config: other.yaml\n", "config: a file cannot name another one"},
		{"? [a]\n: b\n", "is not YAML: found an invalid key for this map"},
		{"\"\\x1b[31m\": 1\n", `"\x1b[31m": is not a setting`},
		{"role: [drain, {a: b}]\n", "role[1]: must be one plain value"},
		{strings.Repeat("# \n", maxFile/2), "is too large: 1048576 bytes at most"},
	}
	for _, tt := range tests {
		s := keyed()
		s.file = tt.file
		_, wrong := s.read(t)
		require.NotEmpty(t, wrong, "%.60q", tt.file)
		assert.Contains(t, strings.Join(wrong, "\n"), tt.want, "%.60q", tt.file)
	}
}

// TestDeepFiles would take gigabytes of a stack.
func TestDeepFiles(t *testing.T) {
	for _, text := range []string{"a: " + strings.Repeat("[", 200_000), strings.Repeat("a: {", 200_000), strings.Repeat("- ", 200_000), strings.Repeat("? ", 200_000)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, wrong := source{args: []string{"--api", "offline"}, file: text}.read(t)
		runtime.ReadMemStats(&after)
		require.Len(t, wrong, 1)
		assert.Contains(t, wrong[0], "far too deep")
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
	}
	source{args: []string{"--api", "offline"}, file: "# " + strings.Repeat("-", 300) + "\nlisten: 127.0.0.1:0\n"}.good(t)
}

func TestEmptyFile(t *testing.T) {
	for _, file := range []string{" ", "\n", "# nothing\n", "---\n", "{}\n"} {
		s := keyed()
		s.file = file
		assert.Equal(t, 100, s.good(t).BatchSize, "%q", file)
	}
}

func TestFileOfWindows(t *testing.T) {
	s := keyed()
	s.file = "\ufeffbatch_size: 7\r\nmax_bytes: 10GiB\r\nrole:\r\n- drain\r\n"
	c := s.good(t)
	assert.Equal(t, 7, c.BatchSize)
	assert.False(t, c.Intake)
}

// FuzzFile holds that no text makes the reader fail in another way than with
// sentences, and that what it takes is in range.
func FuzzFile(f *testing.F) {
	f.Add([]byte("listen: 127.0.0.1:8480\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c := &Config{from: map[string]string{}, use: Ask}
		var wrong problems
		texts := map[string]string{}
		tenants := parseFile(c, "relay.yaml", content, texts, &wrong)
		for _, s := range settings {
			text, given := texts[s.name]
			if !given {
				text = s.preset
			}
			if given || text != "" {
				if err := s.set(c, text); err != nil {
					wrong.add(c.called(s.name), err.Error())
				}
			}
		}
		c.setTenants(tenants, func(string) string { return "" }, &wrong)
		for _, err := range wrong {
			text := err.Error()
			require.Less(t, len(text), 600)
			require.True(t, strings.HasPrefix(text, "relay.yaml:"), text)
			for _, r := range text {
				require.True(t, r >= ' ' && r <= '~', "%q", text)
			}
		}
		if len(wrong) > 0 {
			return
		}
		require.NotEmpty(t, c.Tenants)
		for _, tenant := range c.Tenants {
			require.NoError(t, broker.CheckTenant(tenant.Name))
			require.True(t, tenant.MaxInFlight >= 1 && tenant.MaxInFlight <= 256)
			require.True(t, tenant.Rate >= 0 && tenant.Rate <= maxRate)
			require.True(t, tenant.MaxBytes == 0 || tenant.MaxBytes >= minSize)
		}
	})
}
