package altertable_test

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

var variables = []string{
	"ALTERTABLE_API_KEY", "ALTERTABLE_BASE_URL", "ALTERTABLE_ENVIRONMENT", "ALTERTABLE_RELEASE",
	"ALTERTABLE_DISABLED", "ALTERTABLE_SPOOL", "ALTERTABLE_INSECURE_HTTP",
}

// setVariables makes these the only variables that NewFromEnv finds.
func setVariables(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range variables {
		t.Setenv(name, env[name])
	}
	require.Subset(t, variables, slices.Collect(maps.Keys(env)))
}

// A shown is what a request showed of its client's settings.
type shown struct{ key, url, environment, release string }

// sentBy returns what the client of newClient sends, zero if that is nothing.
func sentBy(t *testing.T, newClient func(...altertable.Option) (*altertable.Client, error), opts ...altertable.Option) (got shown) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := altertabletest.NewServer()
		defer srv.Close()
		through := roundTrip(func(r *http.Request) (*http.Response, error) {
			got.key, got.url = r.Header.Get("X-API-Key"), r.URL.String()
			inner := r.Clone(r.Context())
			inner.URL.Scheme, inner.URL.Host, inner.URL.Path, inner.Host = "http", "localhost", "/track", "localhost"
			return srv.HTTPClient().Transport.RoundTrip(inner)
		})
		client, err := newClient(append([]altertable.Option{
			altertable.WithHTTPClient(&http.Client{Transport: through}), altertable.WithLogger(slog.New(slog.DiscardHandler)),
		}, opts...)...)
		require.NoError(t, err)
		track(t, client, "e0")
		require.NoError(t, client.Close())
		for _, e := range srv.Events() {
			got.environment = e.Environment
			got.release, _ = e.Properties["$release"].(string)
		}
	})
	return got
}

func newWithKey(opts ...altertable.Option) (*altertable.Client, error) {
	return altertable.New("code", opts...)
}

const defaultTrackURL = "https://api.altertable.ai/track"

func TestNewFromEnv(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		opts []altertable.Option
		want shown
	}{
		"key alone":          {map[string]string{}, nil, shown{"k", defaultTrackURL, "production", ""}},
		"base URL":           {map[string]string{"ALTERTABLE_BASE_URL": "https://relay.ns/prefix/"}, nil, shown{"k", "https://relay.ns/prefix/track", "production", ""}},
		"container":          {map[string]string{"ALTERTABLE_BASE_URL": "http://relay:8080"}, nil, shown{"k", "http://relay:8080/track", "production", ""}},
		"environment":        {map[string]string{"ALTERTABLE_ENVIRONMENT": "staging"}, nil, shown{"k", defaultTrackURL, "staging", ""}},
		"release":            {map[string]string{"ALTERTABLE_RELEASE": "1.2.3"}, nil, shown{"k", defaultTrackURL, "production", "1.2.3"}},
		"insecure":           {map[string]string{"ALTERTABLE_BASE_URL": "http://relay.ns", "ALTERTABLE_INSECURE_HTTP": "1"}, nil, shown{"k", "http://relay.ns/track", "production", ""}},
		"not insecure":       {map[string]string{"ALTERTABLE_INSECURE_HTTP": "false"}, nil, shown{"k", defaultTrackURL, "production", ""}},
		"disabled":           {map[string]string{"ALTERTABLE_DISABLED": "true"}, nil, shown{}},
		"disabled, no key":   {map[string]string{"ALTERTABLE_API_KEY": "", "ALTERTABLE_DISABLED": "T"}, nil, shown{}},
		"disabled by code":   {map[string]string{"ALTERTABLE_API_KEY": ""}, []altertable.Option{altertable.WithDisabled(true)}, shown{}},
		"not disabled":       {map[string]string{"ALTERTABLE_DISABLED": "0"}, nil, shown{"k", defaultTrackURL, "production", ""}},
		"enabled by code":    {map[string]string{"ALTERTABLE_DISABLED": "true"}, []altertable.Option{altertable.WithDisabled(false)}, shown{"k", defaultTrackURL, "production", ""}},
		"base URL of code":   {map[string]string{"ALTERTABLE_BASE_URL": "https://relay.ns"}, []altertable.Option{altertable.WithBaseURL("https://code.ns")}, shown{"k", "https://code.ns/track", "production", ""}},
		"insecure by code":   {map[string]string{"ALTERTABLE_BASE_URL": "http://relay.ns", "ALTERTABLE_INSECURE_HTTP": "false"}, []altertable.Option{altertable.WithInsecureHTTP()}, shown{"k", "http://relay.ns/track", "production", ""}},
		"insecure, of code":  {map[string]string{"ALTERTABLE_INSECURE_HTTP": "true"}, []altertable.Option{altertable.WithBaseURL("http://code.ns")}, shown{"k", "http://code.ns/track", "production", ""}},
		"environment, code":  {map[string]string{"ALTERTABLE_ENVIRONMENT": "staging"}, []altertable.Option{altertable.WithEnvironment("code")}, shown{"k", defaultTrackURL, "code", ""}},
		"release of code":    {map[string]string{"ALTERTABLE_RELEASE": "1"}, []altertable.Option{altertable.WithRelease("2")}, shown{"k", defaultTrackURL, "production", "2"}},
		"no release by code": {map[string]string{"ALTERTABLE_RELEASE": "1"}, []altertable.Option{altertable.WithRelease("")}, shown{"k", defaultTrackURL, "production", ""}},
		"default by code":    {map[string]string{"ALTERTABLE_ENVIRONMENT": "staging"}, []altertable.Option{nil, altertable.WithEnvironment("production")}, shown{"k", defaultTrackURL, "production", ""}},
		"unlooked at": {
			map[string]string{"ALTERTABLE_BASE_URL": "garbage", "ALTERTABLE_ENVIRONMENT": " ", "ALTERTABLE_RELEASE": "1", "ALTERTABLE_DISABLED": "garbage", "ALTERTABLE_SPOOL": "~/garbage", "ALTERTABLE_INSECURE_HTTP": "garbage"},
			[]altertable.Option{altertable.WithBaseURL("http://code.ns"), altertable.WithEnvironment("code"), altertable.WithRelease("2"), altertable.WithDisabled(false), altertable.WithSpool(t.TempDir()), altertable.WithInsecureHTTP()},
			shown{"k", "http://code.ns/track", "code", "2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			setVariables(t, nil)
			t.Setenv("ALTERTABLE_API_KEY", "k")
			for variable, value := range test.env {
				t.Setenv(variable, value)
			}
			assert.Equal(t, test.want, sentBy(t, altertable.NewFromEnv, test.opts...))
		})
	}
}

func TestNewFromEnvRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, test := range map[string]struct {
		env      map[string]string
		opts     []altertable.Option
		variable string // that the error names
		reason   string // a part of it
	}{
		"no key":            {map[string]string{"ALTERTABLE_API_KEY": ""}, nil, "ALTERTABLE_API_KEY", "must be set to an ingestion key, which is found in the dashboard"},
		"URL alone":         {map[string]string{"ALTERTABLE_API_KEY": "", "ALTERTABLE_BASE_URL": "http://127.0.0.1:15001"}, nil, "ALTERTABLE_API_KEY", "must be set"},
		"no key, not off":   {map[string]string{"ALTERTABLE_API_KEY": "", "ALTERTABLE_DISABLED": "true"}, []altertable.Option{altertable.WithDisabled(false)}, "ALTERTABLE_API_KEY", "must be set"},
		"line break":        {map[string]string{"ALTERTABLE_API_KEY": "secret\n"}, nil, "ALTERTABLE_API_KEY", "must not have white space, a line break (as at the end of a file)"},
		"leading space":     {map[string]string{"ALTERTABLE_API_KEY": " secret"}, nil, "ALTERTABLE_API_KEY", "must not have white space"},
		"white space":       {map[string]string{"ALTERTABLE_API_KEY": " "}, nil, "ALTERTABLE_API_KEY", "must not have white space"},
		"disabled, broken":  {map[string]string{"ALTERTABLE_API_KEY": "secret\t", "ALTERTABLE_DISABLED": "true"}, nil, "ALTERTABLE_API_KEY", "must not have white space"},
		"management":        {map[string]string{"ALTERTABLE_API_KEY": "atm_secret"}, nil, "ALTERTABLE_API_KEY", "management key"},
		"management, off":   {map[string]string{"ALTERTABLE_API_KEY": "atm_secret", "ALTERTABLE_DISABLED": "true"}, nil, "ALTERTABLE_API_KEY", "set the variable for this process alone"},
		"URL":               {map[string]string{"ALTERTABLE_BASE_URL": "example.com"}, nil, "ALTERTABLE_BASE_URL", `scheme must be http or https, got ""`},
		"URL with a key":    {map[string]string{"ALTERTABLE_BASE_URL": "https://secret@example.com"}, nil, "ALTERTABLE_BASE_URL", "must have no user name"},
		"URL, line break":   {map[string]string{"ALTERTABLE_BASE_URL": "https://example.com\n"}, nil, "ALTERTABLE_BASE_URL", "must be a URL"},
		"URL, blank":        {map[string]string{"ALTERTABLE_BASE_URL": " "}, nil, "ALTERTABLE_BASE_URL", "must be a URL"},
		"URL, space behind": {map[string]string{"ALTERTABLE_BASE_URL": "https://example.com/prefix "}, nil, "ALTERTABLE_BASE_URL", "must be a URL"},
		"plain http":        {map[string]string{"ALTERTABLE_BASE_URL": "http://relay.ns"}, nil, "ALTERTABLE_BASE_URL", "must be https for the host relay.ns"},
		"plain http, both":  {map[string]string{"ALTERTABLE_BASE_URL": "http://relay.ns"}, nil, "ALTERTABLE_BASE_URL", "WithInsecureHTTP (ALTERTABLE_INSECURE_HTTP=true)"},
		"plain http, false": {map[string]string{"ALTERTABLE_BASE_URL": "http://relay.ns", "ALTERTABLE_INSECURE_HTTP": "false"}, nil, "ALTERTABLE_BASE_URL", "ALTERTABLE_INSECURE_HTTP"},
		"plain http, code":  {nil, []altertable.Option{altertable.WithBaseURL("http://relay.ns")}, "WithBaseURL", "ALTERTABLE_INSECURE_HTTP"},
		"environment":       {map[string]string{"ALTERTABLE_ENVIRONMENT": " \t"}, nil, "ALTERTABLE_ENVIRONMENT", `must not be blank, got " \t"`},
		"environment, code": {map[string]string{"ALTERTABLE_ENVIRONMENT": "staging"}, []altertable.Option{altertable.WithEnvironment(" ")}, "WithEnvironment", "must not be blank"},
		"release":           {map[string]string{"ALTERTABLE_RELEASE": strings.Repeat("x", 2000)}, []altertable.Option{altertable.WithMaxBatchBytes(1024)}, "ALTERTABLE_RELEASE", "must be short enough for a batch"},
		"release of code":   {map[string]string{"ALTERTABLE_RELEASE": "1"}, []altertable.Option{altertable.WithMaxBatchBytes(1024), altertable.WithRelease(strings.Repeat("x", 2000))}, "WithRelease", "must be short enough for a batch"},
		"disabled":          {map[string]string{"ALTERTABLE_DISABLED": "yes"}, nil, "ALTERTABLE_DISABLED", `must be true, false, 1 or 0, got "yes"`},
		"disabled, blank":   {map[string]string{"ALTERTABLE_DISABLED": " "}, nil, "ALTERTABLE_DISABLED", `got " "`},
		"insecure":          {map[string]string{"ALTERTABLE_INSECURE_HTTP": "on"}, nil, "ALTERTABLE_INSECURE_HTTP", `must be true, false, 1 or 0, got "on"`},
		"spool, blank":      {map[string]string{"ALTERTABLE_SPOOL": " "}, nil, "ALTERTABLE_SPOOL", `must name a directory, got " "`},
		"spool, home":       {map[string]string{"ALTERTABLE_SPOOL": "$HOME/x"}, nil, "ALTERTABLE_SPOOL", "must not begin with $HOME"},
		"spool, unusable":   {map[string]string{"ALTERTABLE_SPOOL": file}, nil, "ALTERTABLE_SPOOL", "the directory cannot be used: "},
		"spool, options":    {map[string]string{"ALTERTABLE_SPOOL": file}, []altertable.Option{altertable.WithSpool("", altertable.SpoolName("n"))}, "ALTERTABLE_SPOOL", "the directory cannot be used: "},
		"spool of code":     {map[string]string{"ALTERTABLE_SPOOL": t.TempDir()}, []altertable.Option{altertable.WithSpool(file)}, "WithSpool", "the directory cannot be used: "},
		"blank of code":     {map[string]string{"ALTERTABLE_SPOOL": t.TempDir()}, []altertable.Option{altertable.WithSpool(" ")}, "WithSpool", "must name a directory"},
		"bad spool option":  {nil, []altertable.Option{altertable.WithSpool("", altertable.SpoolMaxBytes(1))}, "SpoolMaxBytes", "at least 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			setVariables(t, nil)
			t.Setenv("ALTERTABLE_API_KEY", "secret_key")
			for variable, value := range test.env {
				t.Setenv(variable, value)
			}
			client, err := altertable.NewFromEnv(test.opts...)
			var config *altertable.ConfigError
			require.ErrorAs(t, err, &config)
			assert.Nil(t, client)
			assert.Equal(t, test.variable, config.Option)
			assert.Contains(t, config.Reason, test.reason)
			assert.True(t, strings.HasPrefix(err.Error(), "altertable: "+test.variable+": "), err)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

// With the spool of the variable, a message that cannot be delivered stays on disk.
func TestNewFromEnvSpool(t *testing.T) {
	down := altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("down") })})
	quiet := altertable.WithLogger(slog.New(slog.DiscardHandler))
	for name, test := range map[string]struct {
		variable, code bool // name a directory
		opts           []altertable.SpoolOption
		empty          bool // WithSpool("", opts...)
		spooled        bool
		writeOnly      bool
	}{
		"none":                 {},
		"variable":             {variable: true, spooled: true},
		"code":                 {code: true, spooled: true},
		"both":                 {variable: true, code: true, spooled: true},
		"options alone":        {empty: true, opts: []altertable.SpoolOption{altertable.SpoolWriteOnly()}},
		"variable and options": {empty: true, variable: true, opts: []altertable.SpoolOption{nil, altertable.SpoolWriteOnly()}, spooled: true, writeOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			setVariables(t, map[string]string{"ALTERTABLE_API_KEY": "k"})
			ofVariable, ofCode := filepath.Join(t.TempDir(), "variable"), filepath.Join(t.TempDir(), "code")
			if test.variable {
				t.Setenv("ALTERTABLE_SPOOL", ofVariable)
			}
			opts := []altertable.Option{down, quiet}
			if test.code {
				opts = append(opts, altertable.WithSpool(ofCode))
			}
			if test.empty {
				opts = append(opts, altertable.WithSpool("", test.opts...))
			}
			client, err := altertable.NewFromEnv(opts...)
			require.NoError(t, err)
			track(t, client, "e0")
			_, err = client.TrackSync(within(t, 0), event("e1"))
			assert.Equal(t, test.writeOnly, errors.Is(err, altertable.ErrClosed))
			assert.Equal(t, test.spooled, client.Shutdown(within(t, 0)) == nil)
			assert.Equal(t, test.spooled, client.Stats().Queued == 1)
			assert.Equal(t, test.code, exists(ofCode))
			assert.Equal(t, test.spooled && !test.code, exists(ofVariable))
		})
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// A disabled client does not touch the directory.
func TestNewFromEnvDisabledSpool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	setVariables(t, map[string]string{"ALTERTABLE_SPOOL": dir, "ALTERTABLE_DISABLED": "true"})
	client, err := altertable.NewFromEnv()
	require.NoError(t, err)
	track(t, client, "e0")
	require.NoError(t, client.Close())
	assert.False(t, exists(dir))
}

// NewFromEnv does not write behind the caller's options.
func TestNewFromEnvLeavesOptionsAlone(t *testing.T) {
	setVariables(t, map[string]string{"ALTERTABLE_API_KEY": "k"})
	all := []altertable.Option{altertable.WithDisabled(true), altertable.WithEnvironment("code")}
	client, err := altertable.NewFromEnv(all[:1]...)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	assert.Equal(t, "code", sentBy(t, newWithKey, all[1:]...).environment)
}

// New reads no variable.
func TestNewReadsNoVariable(t *testing.T) {
	for _, env := range []map[string]string{
		{"ALTERTABLE_API_KEY": "k", "ALTERTABLE_BASE_URL": "https://relay.ns", "ALTERTABLE_ENVIRONMENT": "staging", "ALTERTABLE_RELEASE": "1", "ALTERTABLE_DISABLED": "true", "ALTERTABLE_SPOOL": "/dev/null/spool", "ALTERTABLE_INSECURE_HTTP": "true"},
		{"ALTERTABLE_API_KEY": "atm_", "ALTERTABLE_BASE_URL": "garbage", "ALTERTABLE_ENVIRONMENT": " ", "ALTERTABLE_DISABLED": "garbage", "ALTERTABLE_SPOOL": "~", "ALTERTABLE_INSECURE_HTTP": "garbage"},
	} {
		setVariables(t, env)
		assert.Equal(t, shown{"code", defaultTrackURL, "production", ""}, sentBy(t, newWithKey))
		for option, opts := range map[string]altertable.Option{"WithSpool": altertable.WithSpool(""), "WithBaseURL": altertable.WithBaseURL("http://relay.ns")} {
			_, err := altertable.New("code", opts)
			var config *altertable.ConfigError
			require.ErrorAs(t, err, &config)
			assert.Equal(t, option, config.Option)
			assert.NotContains(t, config.Reason, "ALTERTABLE_")
		}
		_, err := altertable.New("")
		var config *altertable.ConfigError
		require.ErrorAs(t, err, &config)
		assert.Equal(t, altertable.ConfigError{Option: "apiKey", Reason: "must not be empty"}, *config)
	}
}
