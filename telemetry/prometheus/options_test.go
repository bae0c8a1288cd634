package prometheus_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

func TestClientNameIsOnAllMetrics(t *testing.T) {
	for given, want := range map[string]string{
		"orders":                   "orders",
		" ":                        " ",
		"a\"b\\c\nd{e=\"f\"}#":     "a\"b\\c\nd{e=\"f\"}#",
		"\xffname\xfe":             "\uFFFDname\uFFFD",
		"\x00":                     "\x00",
		"名前":                       "名前",
		strings.Repeat("x", 1<<16): strings.Repeat("x", 1<<16),
	} {
		collector := altertableprom.NewCollector(altertableprom.WithClientName("replaced"), altertableprom.WithClientName(given))
		collector.Observe(nil)
		got := scrape(t, collector)
		assert.Len(t, got, 28+2*2*6)
		for name := range got {
			assert.Contains(t, name, "client="+strconv.Quote(want))
		}
		text := expose(t, register(t, collector))
		assert.NotContains(t, text, "\nd{", "escaped")
	}
}

func TestEmptyClientNameIsNone(t *testing.T) {
	collector := altertableprom.NewCollector(altertableprom.WithClientName("replaced"), altertableprom.WithClientName(""))
	collector.Observe(nil)
	for name := range scrape(t, collector) {
		assert.NotContains(t, name, "client")
	}
}
