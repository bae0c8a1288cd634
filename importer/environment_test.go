package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestManagementKey(t *testing.T) {
	s := newShell(t, newServer(t))
	s.variables["ALTERTABLE_API_KEY"] = "atm_" + testKey
	require.Equal(t, exitFailed, s.run(write(t, "events.csv", clean)))
	assert.Contains(t, s.err.String(), "altertable-import: ALTERTABLE_API_KEY must be an ingestion key")
}

// TestOptionsOfTheSDKAreVariables says what people can set. No Go name is in it.
func TestOptionsOfTheSDKAreVariables(t *testing.T) {
	for name, values := range map[string][]string{
		"ALTERTABLE_API_KEY":     {"two words", "key\n", "clé", "atm_1"},
		"ALTERTABLE_BASE_URL":    {"garbage", "ftp://a", "http://api.example.com", "https://a:99999", "https://a/?b=c"},
		"ALTERTABLE_ENVIRONMENT": {" "},
	} {
		for _, value := range values {
			s := newShell(t, newServer(t))
			s.variables[name] = value
			assert.Equal(t, exitFailed, s.run(write(t, "events.csv", clean)), value)
			assert.Regexp(t, "^altertable-import: .*"+name, s.err.String())
			assert.NotRegexp(t, `apiKey|With[A-Z]|%!|altertable: `, s.err.String())
		}
	}
}

func TestVariablesAreChecked(t *testing.T) {
	for name, value := range map[string]string{
		"ALTERTABLE_DISABLED": "maybe", "ALTERTABLE_INSECURE_HTTP": "maybe", "ALTERTABLE_BASE_URL": "http://api.example.com", "ALTERTABLE_ENVIRONMENT": " ",
	} {
		s := newShell(t, newServer(t))
		s.variables[name] = value
		assert.Equal(t, exitFailed, s.run(write(t, "events.csv", clean)), name)
		assert.Contains(t, s.err.String(), name)
	}
}

func TestAPlainURLIsASentenceOfTheCommand(t *testing.T) {
	s := newShell(t, newServer(t))
	s.variables["ALTERTABLE_BASE_URL"] = "http://api.example.com"
	require.Equal(t, exitFailed, s.run(write(t, "events.csv", clean)))
	assert.Contains(t, s.err.String(), "ALTERTABLE_INSECURE_HTTP=true")
	assert.NotContains(t, s.err.String(), "WithInsecureHTTP")
}

func TestNameOfTarget(t *testing.T) {
	for baseURL, want := range map[string]string{
		"https://api.example.com/":                    "https://api.example.com",
		"https://ada:hunter2@api.example.com/a?key=b": "https://api.example.com/a",
		"https://api.example.com/%zz":                 "ALTERTABLE_BASE_URL",
	} {
		assert.Equal(t, want, (&target{baseURL: baseURL}).name())
	}
}
