package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// output returns what the command prints with these variables.
func output(t *testing.T, key, url, disabled string) (string, error) {
	t.Helper()
	for _, name := range []string{"ALTERTABLE_ENVIRONMENT", "ALTERTABLE_RELEASE", "ALTERTABLE_SPOOL", "ALTERTABLE_INSECURE_HTTP"} {
		t.Setenv(name, "")
	}
	t.Setenv("ALTERTABLE_API_KEY", key)
	t.Setenv("ALTERTABLE_BASE_URL", url)
	t.Setenv("ALTERTABLE_DISABLED", disabled)
	var out bytes.Buffer
	err := run(&out)
	return out.String(), err
}

const delivered = `queued:    3 messages about u_42
delivered: (2 tracks
delivered: 1 identify|1 identify
delivered: 2 tracks)

`

func TestOffline(t *testing.T) {
	text, err := output(t, "", "", "")
	require.NoError(t, err)
	assert.Regexp(t, `^Offline: an embedded server stands in for Altertable.

`+delivered+`u_42 has the traits
  name   Ada
  plan   pro
and the events
  \d\d:\d\d:\d\d\.\d{3}  signed_up
  \d\d:\d\d:\d\d\.\d{3}  plan_upgraded, seats: 5
$`, text)
}

func TestWithVariables(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	text, err := output(t, "any", srv.URL, "")
	require.NoError(t, err)
	assert.Regexp(t, "^"+delivered+"To see them, open "+srv.URL+"/ if that is altertable-local, look at the\nterminal of the relay if it is altertable-relay, else open https://altertable.ai/dashboard\n$", text)
	assert.Len(t, srv.Events(), 2)
	assert.Len(t, srv.Identities(), 1)

	text, err = output(t, "any", srv.URL, "true")
	require.NoError(t, err)
	assert.Contains(t, text, "Nothing was sent")
	assert.Len(t, srv.Events(), 2)

	_, err = output(t, "", srv.URL, "")
	var config *altertable.ConfigError
	require.ErrorAs(t, err, &config)
	assert.Equal(t, "ALTERTABLE_API_KEY", config.Option)
}

func TestLoss(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	srv.Always(altertabletest.Status(401))
	text, err := output(t, "any", srv.URL, "")
	require.Error(t, err)
	assert.Contains(t, text, "lost:      2 tracks\n")
	assert.Contains(t, text, "lost:      1 identify\n")
}
