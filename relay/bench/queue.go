package main

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// A benchmark is what go test prints of one.
type benchmark struct {
	name    string
	figures map[string]float64 // by their units
}

// runQueue runs the benchmarks of natsqueue beside plain HTTP.
func runQueue(events int) ([]benchmark, error) {
	out, err := exec.Command("go", "test", "-C", "../natsqueue", "-run", "^$", "-bench", "^BenchmarkDelivery$",
		"-benchtime", strconv.Itoa(events)+"x").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("natsqueue: %w\n%s", err, out)
	}
	return benchmarksOf(string(out))
}

// benchmarksOf reads lines of a name, how many times it ran, and values with units.
func benchmarksOf(printed string) (all []benchmark, err error) {
	for line := range strings.Lines(printed) {
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		b := benchmark{name: words[0], figures: map[string]float64{}}
		for i := 2; i+1 < len(words); i += 2 {
			if b.figures[words[i+1]], err = strconv.ParseFloat(words[i], 64); err != nil {
				return nil, err
			}
		}
		all = append(all, b)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("natsqueue: no figures in %q", printed)
	}
	return all, nil
}

// beside returns what the benchmark compares with, for the head of a column.
func (b benchmark) beside() string {
	_, name, _ := strings.Cut(b.name, "beside=")
	if i := strings.LastIndexByte(name, '-'); i >= 0 { // and the number of cores
		name = name[:i]
	}
	return "beside " + strings.Replace(name, "HTTP-", "HTTP that ", 1)
}

func printQueue(w io.Writer, all []benchmark) {
	lines := [][]string{
		{"natsqueue", "target"},
		{"events a second, ratio", "at least 0.9"},
		{"CPU an event, ratio", "at most 1.1"},
		{"CPU an event, us", ""},
		{"events a second", ""},
	}
	for _, b := range all {
		two := func(unit string) string { return fmt.Sprintf("%.2f", b.figures[unit]) }
		for i, cell := range []string{
			b.beside(), two("throughput-ratio"), two("CPU-ratio"),
			two("CPU-us/event") + " beside " + two("HTTP-CPU-us/event"), thousands(int(b.figures["events/s"])),
		} {
			lines[i] = append(lines[i], cell)
		}
	}
	printTable(w, lines)
}
