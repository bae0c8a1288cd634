package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	var printed strings.Builder
	printColumns(&printed, []column{{
		setup: "node", events: 1_000_000, batch: 100, fill: 10 * time.Second, drain: 5 * time.Second,
		intake: usage{3 * time.Second, 50_000_000}, drainer: usage{2500 * time.Millisecond, 90_000_000},
		disk: 150, rawDisk: 460, arrived: arrival{Requests: 10_100},
	}})
	for _, want := range []string{
		"| node, 1,000,000 events |", "| 100,000 ", "| 200,000 ", "| 2.50 ", "| 5.50 ", "| 90 ", "| 0.33 of 460 ", "| 1.010 ",
	} {
		assert.Contains(t, printed.String(), want)
	}
	lines := strings.Split(strings.TrimSpace(printed.String()), "\n")
	require.Len(t, lines, len(rows)+2)
	for _, line := range lines {
		assert.Len(t, line, len(lines[0]))
	}
}

func TestNumbers(t *testing.T) {
	all, err := numbers("1000,20")
	require.NoError(t, err)
	assert.Equal(t, []int{1000, 20}, all)
	for _, wrong := range []string{"", "0", "-1", "1,", "x"} {
		_, err := numbers(wrong)
		assert.Error(t, err, wrong)
	}
	assert.Equal(t, "1,002,003", thousands(1_002_003))
	assert.Equal(t, "999", thousands(999))
}
