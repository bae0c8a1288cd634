package main

import (
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// A row is one figure of all columns.
type row struct {
	name, target string
	of           func(c column) string
}

var rows = []row{
	{"intake: events a second", "", func(c column) string { return rate(c.events, c.fill.Seconds()) }},
	{"intake: relay's CPU an event, us", "", func(c column) string { return c.micros(c.intake) }},
	{"drain: events a second", "at least 150,000", func(c column) string { return rate(c.events, c.drain.Seconds()) }},
	{"drain: relay's CPU an event, us", "at most 3", func(c column) string { return c.micros(c.drainer) }},
	{"intake and drain: relay's CPU an event, us", "at most 6", func(c column) string { return c.micros(c.intake.and(c.drainer)) }},
	{"broker's CPU an event, us", "", func(c column) string { return c.micros(c.broker) }},
	{"SDK's CPU an event in the producers, us", "", func(c column) string { return c.micros(c.producer) }},
	{"intake: relay's memory, MB", "", func(c column) string { return megabytes(c.intake) }},
	{"drain: relay's memory, MB", "at most 200", func(c column) string { return megabytes(c.drainer) }},
	{"broker's memory, MB", "", func(c column) string { return megabytes(c.broker) }},
	{"start with the backlog until ready, s", "", func(c column) string { return fmt.Sprintf("%.1f", c.ready.Seconds()) }},
	{"disk an event, bytes", "", func(c column) string { return fmt.Sprintf("%.0f", c.disk) }},
	{"disk of that without compression", "at most 0.4", func(c column) string { return fmt.Sprintf("%.2f of %.0f", c.disk/c.rawDisk, c.rawDisk) }},
	{"requests over events / batch size", "at most 1.1", func(c column) string {
		return fmt.Sprintf("%.3f", float64(c.arrived.Requests)*float64(c.batch)/float64(c.events))
	}},
	{"events that arrived twice", "0", func(c column) string { return fmt.Sprint(c.arrived.Twice) }},
}

func (c column) micros(u usage) string {
	if u.cpu == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(u.cpu.Microseconds())/float64(c.events))
}

func megabytes(u usage) string {
	if u.memory == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", float64(u.memory)/1e6)
}

func rate(events int, seconds float64) string { return thousands(int(float64(events) / seconds)) }

// thousands writes 1,234,567.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// printColumns prints what the runs measured.
func printColumns(w io.Writer, columns []column) {
	lines := [][]string{{"", "target"}}
	for _, c := range columns {
		lines[0] = append(lines[0], c.setup+", "+thousands(c.events)+" events")
	}
	for _, r := range rows {
		line := []string{r.name, r.target}
		for _, c := range columns {
			line = append(line, r.of(c))
		}
		lines = append(lines, line)
	}
	printTable(w, lines)
}

// printTable prints Markdown that can be read as it is, too.
func printTable(w io.Writer, lines [][]string) {
	rule := make([]string, len(lines[0]))
	for i := range rule {
		rule[i] = "---"
	}
	lines = slices.Insert(lines, 1, rule)
	widths := make([]int, len(rule))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(w, "| %-*s ", widths[i], cell)
		}
		fmt.Fprintln(w, "|")
	}
}
