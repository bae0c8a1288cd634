package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTakesPart(t *testing.T) {
	want := map[string][]string{
		sdk:     scenarioNames(),
		zero:    {"literal", "heap", "20 ms", "4 producers"},
		marshal: {"literal", "heap", "4 producers", "hung", "alone", "queued 200", "queued 340", "queued 512", "queued 1024"},
		posthog: {"literal", "heap", "20 ms", "4 producers", "hung", "alone", "queued 340", "idle"},
		segment: {"literal", "heap", "20 ms", "4 producers", "hung", "alone", "queued 340", "idle"},
		naive:   {"literal", "heap", "idle"},
	}
	for _, client := range clientNames {
		t.Run(client, func(t *testing.T) {
			var got []string
			for _, s := range scenarios {
				if takesPart(client, s) {
					got = append(got, s.name)
				}
			}
			assert.Equal(t, want[client], got)
		})
	}
}

func TestEventsOf(t *testing.T) {
	tests := []struct {
		client, scenario string
		asked, want      int
	}{
		{sdk, "literal", 200_000, 200_000},
		{sdk, "hung", 200_000, 50_000},
		{sdk, "hung", 100, 100},
		{naive, "literal", 200_000, 5_000},
		{naive, "literal", 10, 1},
	}
	for _, test := range tests {
		s, err := scenarioNamed(test.scenario)
		require.NoError(t, err)
		assert.Equal(t, test.want, eventsOf(test.client, s, test.asked), "%s, %s", test.client, test.scenario)
	}
}

func TestScenarioNamed(t *testing.T) {
	for _, s := range scenarios {
		found, err := scenarioNamed(s.name)
		require.NoError(t, err)
		assert.Equal(t, s.sample.event, found.sample.event)
		assert.Equal(t, s.measure, found.measure)
	}
	_, err := scenarioNamed("none")
	assert.Error(t, err)
}

func TestChosen(t *testing.T) {
	all := []string{"a", "b", "c d"}
	got, err := chosen(all, "")
	require.NoError(t, err)
	assert.Equal(t, all, got)

	got, err = chosen(all, "c d,a")
	require.NoError(t, err)
	assert.Equal(t, []string{"c d", "a"}, got)

	_, err = chosen(all, "a,x")
	assert.ErrorContains(t, err, `"x"`)
}
