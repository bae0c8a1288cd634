package main

import (
	"fmt"
	"strings"
)

// drawChart draws CPU time, wall time and the time of a call as bars.
func drawChart(medians result) []byte {
	const left, width, bar, gap = 140, 450, 16, 6
	compared := []string{sdk, zero, segment, posthog, marshal}
	var b strings.Builder
	y := 0
	for _, group := range []struct{ title, measure string }{
		{"CPU seconds for 200,000 events, delivered", "CPU s"},
		{"Wall seconds for 200,000 events, delivered", "wall s"},
		{"Nanoseconds of one call", "ns/call"},
	} {
		longest := 0.0
		for _, c := range compared {
			longest = max(longest, medians[key(c, "literal", group.measure)])
		}
		y += 30
		fmt.Fprintf(&b, "<text x=\"10\" y=\"%d\" font-weight=\"bold\">%s</text>\n", y, group.title)
		y += 10
		for _, c := range compared {
			value := medians[key(c, "literal", group.measure)]
			color := "#9aa5b1"
			if c == sdk {
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
