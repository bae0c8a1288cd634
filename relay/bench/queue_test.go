package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFiguresOfABenchmark(t *testing.T) {
	figures, err := figuresOf("goos: linux\nBenchmarkDelivery-2  200000  0.92 CPU-ratio  1.99 CPU-us/event  2.2 HTTP-CPU-us/event" +
		"  385802 events/s  1.04 throughput-ratio\nPASS\n")
	require.NoError(t, err)
	assert.Equal(t, 0.92, figures["CPU-ratio"])
	var printed strings.Builder
	printQueue(&printed, figures)
	for _, want := range []string{"| 1.04 ", "| 0.92 ", "| 1.99 beside 2.20 ", "| 385,802 "} {
		assert.Contains(t, printed.String(), want)
	}
	for _, wrong := range []string{"", "PASS\n", "BenchmarkDelivery-2 1 x ns/op\n"} {
		_, err := figuresOf(wrong)
		assert.Error(t, err, wrong)
	}
}
