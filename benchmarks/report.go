package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// rows are the lines of the table: a scenario's measure, and what it is called.
var rows = []struct{ title, scenario, measure string }{
	{"one call, sender running: ns", "at once", "ns/call"},
	{"one call, nothing sent: ns", "call alone", "ns/call"},
	{"allocations per event, the caller's map included", "at once", "allocs/event"},
	{"200,000 events end to end: CPU s", "at once", "CPU s"},
	{"200,000 events end to end: wall s", "at once", "wall s"},
	{"the same, server takes 20 ms: wall s", "20 ms", "wall s"},
	{"call, 4 producers, p99.9: us", "4 producers", "p99.9 us"},
	{"call, 4 producers, server hung, p99.9: us", "hung", "p99.9 us"},
	{"heap per queued event, server hung: bytes", "hung", "heap/event"},
	{"idle: goroutines", "idle", "goroutines"},
	{"close when idle: us", "idle", "close us"},
}

// printTable prints each client's median, and how many times the SDK's it is.
func printTable(w io.Writer, medians result) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range clients {
		fmt.Fprintf(table, "\t%s", title(c))
	}
	fmt.Fprintln(table)
	for _, row := range rows {
		fmt.Fprint(table, row.title)
		own := medians[key("altertable", row.scenario, row.measure)]
		for _, c := range clients {
			value, ok := medians[key(c, row.scenario, row.measure)]
			switch {
			case !ok:
				fmt.Fprint(table, "\t-")
			case c == "altertable" || own == 0:
				fmt.Fprintf(table, "\t%.4g", value)
			default:
				fmt.Fprintf(table, "\t%.4g (x%.2g)", value, value/own)
			}
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // a terminal that is gone needs no table
}

func key(parts ...string) string { return strings.Join(parts, "/") }

// title returns what a client is called in the report.
func title(client string) string {
	if client == "limit" {
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

// drawChart draws CPU and wall time of 200,000 events as bars.
func drawChart(medians result) []byte {
	const left, width, bar, gap = 110, 480, 16, 6
	var b strings.Builder
	y := 0
	for _, group := range []struct{ title, scenario, measure string }{
		{"CPU seconds for 200,000 events, delivered", "at once", "CPU s"},
		{"Wall seconds for 200,000 events, delivered", "at once", "wall s"},
		{"Nanoseconds of one call", "at once", "ns/call"},
	} {
		compared := []string{"altertable", "Segment", "PostHog", "limit"}
		longest := 0.0
		for _, c := range compared {
			longest = max(longest, medians[key(c, group.scenario, group.measure)])
		}
		y += 30
		fmt.Fprintf(&b, "<text x=\"10\" y=\"%d\" font-weight=\"bold\">%s</text>\n", y, group.title)
		y += 10
		for _, c := range compared {
			value := medians[key(c, group.scenario, group.measure)]
			color := "#9aa5b1"
			if c == "altertable" {
				color = "#2f6fde"
			}
			length := width * value / max(longest, 1e-9)
			fmt.Fprintf(&b, "<text x=\"10\" y=\"%d\">%s</text>", y+bar-4, title(c))
			fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", left, y, length, bar, color)
			fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", left+length+6, y+bar-4, number(value))
			y += bar + gap
		}
	}
	head := fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 680 %d\" font-family=\"sans-serif\" font-size=\"13\">\n"+
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", y+16)
	return []byte(head + b.String() + "</svg>\n")
}
