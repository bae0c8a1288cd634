package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMedians(t *testing.T) {
	got := medians(map[string][]float64{
		"a/literal/CPU s": {3, 1, 2},
		"b/literal/CPU s": {4},
	})
	assert.Equal(t, result{"a/literal/CPU s": 2, "b/literal/CPU s": 4}, got)
}

func TestRelate(t *testing.T) {
	results := map[string]result{
		sdk:     {"CPU s": 0.5, "wall s": 0.4},
		zero:    {"CPU s": 0.25},
		segment: {"wall s": 1},
	}
	relate(results)
	assert.Equal(t, map[string]result{
		sdk:     {"CPU s": 0.5, "wall s": 0.4, "CPU/limit": 2},
		zero:    {"CPU s": 0.25, "CPU/limit": 1},
		segment: {"wall s": 1},
	}, results)

	alone := map[string]result{sdk: {"CPU s": 0.5}}
	relate(alone)
	assert.Equal(t, map[string]result{sdk: {"CPU s": 0.5}}, alone)
}

func TestParseResult(t *testing.T) {
	got, err := parseResult([]byte("{\"CPU s\":0.25,\"wall s\":1}\n"))
	require.NoError(t, err)
	assert.Equal(t, result{"CPU s": 0.25, "wall s": 1}, got)

	for _, out := range []string{"", "{", "{\"CPU s\":\"fast\"}", "null 1"} {
		_, err := parseResult([]byte(out))
		assert.Error(t, err, "%q", out)
	}
}

func TestVerify(t *testing.T) {
	const events = 10
	before := tally{Events: 5, Complete: 5, Malformed: 1}
	all := tally{Events: 15, Complete: 15, Malformed: 1}
	bare := tally{Events: 15, Complete: 5, Malformed: 1}
	tests := []struct {
		name, client, scenario string
		after                  tally
		good                   bool
	}{
		{"all", sdk, "literal", all, true},
		{"too few", sdk, "literal", tally{Events: 14, Complete: 14, Malformed: 1}, false},
		{"too many", sdk, "literal", tally{Events: 16, Complete: 16, Malformed: 1}, false},
		{"malformed beside all", posthog, "literal", tally{Events: 15, Malformed: 2}, false},
		{"without the system's properties", sdk, "literal", bare, false},
		{"a limit with less to encode", zero, "heap", bare, false},
		{"a peer has other properties", segment, "20 ms", bare, true},
		{"one that sends nothing", marshal, "literal", before, true},
		{"nothing arrives at a hung server", sdk, "hung", before, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := scenarioNamed(test.scenario)
			require.NoError(t, err)
			err = verify(test.client, s, events, before, test.after)
			assert.Equal(t, test.good, err == nil, "%v", err)
		})
	}
}
