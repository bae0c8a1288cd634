package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExportsAreRecognized(t *testing.T) {
	for name, file := range map[string]string{
		"posthog": "posthog/events.ndjson", "segment": "segment/calls.ndjson", "mixpanel": "mixpanel/events.ndjson",
		"rudderstack": "rudderstack/calls.ndjson",
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, nil)
			s.run("-dry-run", "testdata/"+file)
			assert.Contains(t, s.said(), "-preset "+name)
			s = newShell(t, nil)
			s.run("-dry-run", "-preset", name, "testdata/"+file)
			assert.NotContains(t, s.said(), "-preset")
		})
	}
	s := newShell(t, nil)
	s.run("-dry-run", "testdata/events.csv")
	assert.NotContains(t, s.said(), "-preset")
}

func TestAnExportIsRecognizedWhenItIsSent(t *testing.T) {
	s := newShell(t, newServer(t))
	events := write(t, "events.ndjson", `{"event":"e","distinct_id":"u","timestamp":"2026-01-01","person_id":"p","properties":{}}`+"\n")
	require.Equal(t, exitOK, s.run(events), s.said())
	assert.Contains(t, s.err.String(), "Give -preset posthog")
}

func TestAnotherToolsPreset(t *testing.T) {
	s := newShell(t, nil)
	require.Equal(t, exitRefused, s.run("-dry-run", "-preset", "mixpanel", "testdata/segment/calls.ndjson"))
	assert.Contains(t, s.out.String(), "This looks like an export for -preset segment, not for -preset mixpanel.")

	s = newShell(t, nil)
	require.Equal(t, exitRefused, s.run("-dry-run", "-preset", "mixpanel", write(t, "other.ndjson", `{"a":1}`+"\n")))
	assert.Contains(t, s.out.String(), "Every row is refused")

	s = newShell(t, newServer(t))
	s.run("-preset", "posthog", write(t, "calls.ndjson", `{"type":"track","messageId":"m-1","userId":"u_42","anonymousId":"a","context":{}}`+"\n"))
	assert.Contains(t, s.err.String(), "-preset segment, not for -preset posthog")

	s = newShell(t, nil)
	require.Equal(t, exitFailed, s.run("-dry-run", "-preset", "posthog", write(t, "events.csv", "amplitude_id,event_type\n1,e\n")))
	assert.Contains(t, s.err.String(), "-preset amplitude")
}
