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
	assert.Contains(t, s.err.String(), "management key")
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
