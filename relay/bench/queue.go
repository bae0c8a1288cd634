package main

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// runQueue runs the benchmark of natsqueue beside plain HTTP, and returns its
// figures by their units.
func runQueue(events int) (map[string]float64, error) {
	out, err := exec.Command("go", "test", "-C", "../natsqueue", "-run", "^$", "-bench", "^BenchmarkDelivery$",
		"-benchtime", strconv.Itoa(events)+"x").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("natsqueue: %w\n%s", err, out)
	}
	return figuresOf(string(out))
}

// figuresOf reads what go test prints of a benchmark: a name, how many times it
// ran, and values with units.
func figuresOf(printed string) (map[string]float64, error) {
	for line := range strings.Lines(printed) {
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		figures := map[string]float64{}
		for i := 2; i+1 < len(words); i += 2 {
			value, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				return nil, err
			}
			figures[words[i+1]] = value
		}
		return figures, nil
	}
	return nil, fmt.Errorf("natsqueue: no figures in %q", printed)
}

func printQueue(w io.Writer, figures map[string]float64) {
	two := func(unit string) string { return fmt.Sprintf("%.2f", figures[unit]) }
	printTable(w, [][]string{
		{"natsqueue beside plain HTTP", "target", ""},
		{"events a second, ratio", "at least 0.9", two("throughput-ratio")},
		{"CPU an event, ratio", "at most 1.1", two("CPU-ratio")},
		{"CPU an event, us", "", two("CPU-us/event") + " beside " + two("HTTP-CPU-us/event")},
		{"events a second", "", thousands(int(figures["events/s"]))},
	})
}
