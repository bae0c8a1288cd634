package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A row is a line of the table.
type row struct {
	title, scenario, measure string
	kind                     kind
}

type kind int

const (
	plain    kind = iota // the value, and how many times the SDK's it is
	times                // a ratio
	overJSON             // how many times the message's JSON, and how long that is
)

var rows = []row{
	{"CPU of 200,000 events, literal map: s", "literal", "CPU s", plain},
	{"CPU of 200,000 events, heap map: s", "heap", "CPU s", plain},
	{"CPU over zerolog + net/http, literal map", "literal", "CPU/limit", times},
	{"CPU over zerolog + net/http, heap map", "heap", "CPU/limit", times},
	{"wall time of 200,000 events, literal map: s", "literal", "wall s", plain},
	{"wall time of 200,000 events, heap map: s", "heap", "wall s", plain},
	{"wall time, server takes 20 ms: s", "20 ms", "wall s", plain},
	{"one call, sender running, literal map: ns", "literal", "ns/call", plain},
	{"one call, sender running, heap map: ns", "heap", "ns/call", plain},
	{"one call, server hung, heap map: ns", "alone", "ns/call", plain},
	{"p99.9 of a call, 4 producers, sender running: us", "4 producers", "p99.9 us", plain},
	{"p99.9 of a call, 4 producers, server hung: us", "hung", "p99.9 us", plain},
	{"allocations per event, literal map included", "literal", "allocs/event", plain},
	{"allocations per event, heap map included", "heap", "allocs/event", plain},
	{"heap per queued event: bytes", "queued 340", "heap/event", plain},
	{"heap per queued event over its JSON, about 200 bytes", "queued 200", "heap/JSON", overJSON},
	{"heap per queued event over its JSON, about 340 bytes", "queued 340", "heap/JSON", overJSON},
	{"heap per queued event over its JSON, about 512 bytes", "queued 512", "heap/JSON", overJSON},
	{"heap per queued event over its JSON, about 1,024 bytes", "queued 1024", "heap/JSON", overJSON},
	{"goroutines when idle", "idle", "goroutines", plain},
	{"close when idle: us", "idle", "close us", plain},
}

// printTable prints the medians as a table in Markdown. It leaves out the rows
// and the columns that nothing was measured for.
func printTable(w io.Writer, medians result, versions map[string]string) {
	var columns []string
	for _, c := range clientNames {
		if measured(medians, c) {
			columns = append(columns, c)
		}
	}
	head, version, rule := []string{""}, []string{"version"}, []string{"---"}
	for _, c := range columns {
		head = append(head, title(c))
		version = append(version, versions[c])
		rule = append(rule, "---")
	}
	lines := [][]string{head, rule, version}
	for _, r := range rows {
		line, filled := []string{r.title}, false
		for _, c := range columns {
			cell := r.cell(medians, c)
			filled = filled || cell != ""
			line = append(line, cell)
		}
		if filled {
			lines = append(lines, line)
		}
	}
	printMarkdown(w, lines)
}

func measured(medians result, client string) bool {
	for k := range medians {
		if strings.HasPrefix(k, key(client, "")) {
			return true
		}
	}
	return false
}

// cell returns what the table says of a client; "" if there is nothing to say.
func (r row) cell(medians result, client string) string {
	value, ok := medians[key(client, r.scenario, r.measure)]
	if !ok {
		return ""
	}
	switch r.kind {
	case times:
		return ratio(value)
	case overJSON:
		return fmt.Sprintf("%.3f of %.1f", value, medians[key(client, r.scenario, "JSON/event")])
	}
	own := medians[key(sdk, r.scenario, r.measure)]
	if client == sdk || own == 0 {
		return number(value)
	}
	return fmt.Sprintf("%s (x%s)", number(value), ratio(value/own))
}

// printMarkdown pads the cells, so that the table can be read as it is, too.
func printMarkdown(w io.Writer, lines [][]string) {
	widths := make([]int, len(lines[0]))
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

// title returns what a client is called in the report.
func title(client string) string {
	switch client {
	case zero:
		return "zerolog + net/http"
	case marshal:
		return "json.Marshal"
	}
	return client
}

// number writes a value with three digits, and no exponent.
func number(value float64) string {
	if value < 100 {
		return fmt.Sprintf("%.3g", value)
	}
	return fmt.Sprintf("%.0f", value)
}

// ratio writes how many times one value is another.
func ratio(value float64) string {
	if value < 10 {
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.0f", value)
}
