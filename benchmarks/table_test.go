package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPrintTable(t *testing.T) {
	medians := result{
		"altertable/literal/CPU s":         0.46,
		"zerolog/literal/CPU s":            0.2,
		"PostHog/literal/CPU s":            2.4,
		"altertable/literal/CPU/limit":     2.3,
		"zerolog/literal/CPU/limit":        1,
		"PostHog/literal/CPU/limit":        12.1,
		"altertable/queued 200/heap/JSON":  1.3125,
		"altertable/queued 200/JSON/event": 203.25,
		"altertable/idle/goroutines":       1,
		"altertable/idle/something else":   1,
	}
	var out strings.Builder
	printTable(&out, medians, map[string]string{sdk: "v0.2.0", posthog: "v1.23.1"})
	assert.Equal(t, strings.TrimPrefix(`
|                                                      | altertable     | zerolog + net/http | PostHog     |
| ---                                                  | ---            | ---                | ---         |
| version                                              | v0.2.0         |                    | v1.23.1     |
| CPU of 200,000 events, literal map: s                | 0.46           | 0.2 (x0.43)        | 2.4 (x5.22) |
| CPU over zerolog + net/http, literal map             | 2.30           | 1.00               | 12          |
| heap per queued event over its JSON, about 200 bytes | 1.312 of 203.2 |                    |             |
| goroutines when idle                                 | 1              |                    |             |
`, "\n"), out.String())
}

func TestTableOfOneClient(t *testing.T) {
	var out strings.Builder
	printTable(&out, result{"PostHog/literal/CPU s": 2.3}, nil)
	assert.Equal(t, strings.TrimPrefix(`
|                                       | PostHog |
| ---                                   | ---     |
| version                               |         |
| CPU of 200,000 events, literal map: s | 2.3     |
`, "\n"), out.String())
}

func TestRowsNameWhatIsMeasured(t *testing.T) {
	for _, r := range rows {
		_, err := scenarioNamed(r.scenario)
		assert.NoError(t, err, r.title)
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{
		0.20749: "0.207", 2: "2", 99.99: "100", 446.4: "446", 123_456.7: "123457",
	} {
		assert.Equal(t, want, number(value))
	}
}

func TestRatio(t *testing.T) {
	for value, want := range map[float64]string{0.056: "0.06", 1: "1.00", 9.99: "9.99", 37.4: "37"} {
		assert.Equal(t, want, ratio(value))
	}
}
