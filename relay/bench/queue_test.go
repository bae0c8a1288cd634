package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFiguresOfBenchmarks(t *testing.T) {
	const figures = "  200000  0.92 CPU-ratio  1.99 CPU-us/event  2.2 HTTP-CPU-us/event  385802 events/s  1.04 throughput-ratio\n"
	all, err := benchmarksOf("goos: linux\nBenchmarkDelivery/beside=HTTP-checks-2" + figures +
		"BenchmarkDelivery/beside=HTTP-discards-2" + figures + "PASS\n")
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, 0.92, all[1].figures["CPU-ratio"])
	var printed strings.Builder
	printQueue(&printed, all)
	for _, want := range []string{
		"| beside HTTP that checks | beside HTTP that discards |", "| 1.04 ", "| 0.92 ", "| 1.99 beside 2.20 ", "| 385,802 ",
	} {
		assert.Contains(t, printed.String(), want)
	}
	for _, wrong := range []string{"", "PASS\n", "BenchmarkDelivery-2 1 x ns/op\n"} {
		_, err := benchmarksOf(wrong)
		assert.Error(t, err, wrong)
	}
}
