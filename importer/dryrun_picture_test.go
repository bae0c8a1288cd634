package main

import (
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// go test -C importer -run Picture . -args -picture docs/import-dry-run.svg
var picture = flag.String("picture", "", "write the picture of the dry run to this file, named from the root of the repository")

const pictureWidth = 60 // columns

// TestPictureShowsTheDryRun compares the picture of the documents with what the
// command prints.
func TestPictureShowsTheDryRun(t *testing.T) {
	source := write(t, "events.csv", pictureSource())
	s := newShell(t, nil)
	s.variables["COLUMNS"] = fmt.Sprint(pictureWidth)
	require.Equal(t, exitRefused, s.run("-dry-run", source), s.said())
	before, rows, found := strings.Cut(s.out.String(), "\n5 rows as they would be sent")
	require.True(t, found)
	two := strings.SplitN(rows, "\n  row ", 4)
	require.Len(t, two, 4)
	text := "$ altertable-import -dry-run events.csv\n" + before + "\n5 rows as they would be sent" + strings.Join(two[:3], "\n  row ") + "\n  ...\n"
	want := svg(text)
	if *picture != "" {
		require.NoError(t, os.WriteFile(filepath.Join("..", *picture), []byte(want), 0o644))
	}
	got, err := os.ReadFile("../docs/import-dry-run.svg")
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "draw it again: see the top of this file")
}

// pictureSource is the history of a shop, with what goes wrong in such files.
func pictureSource() string {
	var b strings.Builder
	b.WriteString("event,distinct_id,timestamp,plan,amount,currency\n")
	start := time.Date(2025, 11, 3, 7, 30, 0, 0, time.UTC)
	events := []string{"page_viewed", "page_viewed", "page_viewed", "product_viewed", "page_viewed", "product_viewed", "checkout_completed", "signed_up"}
	for n := range 12_480 {
		event, person, amount, currency := events[n*7%len(events)], fmt.Sprintf("u_%d", n*n%1931), "", ""
		at := start.Add(time.Duration(n) * 11 * time.Minute).Format("2006-01-02T15:04:05Z")
		if event == "checkout_completed" {
			amount, currency = fmt.Sprintf("%d.%02d", 9+n%190, n%100), "EUR"
		}
		switch {
		case n%390 == 17:
			person = "undefined"
		case n%1040 == 5:
			at = "31.11.2025"
		case n%2080 == 8:
			person = fmt.Sprintf("ada%d@example.com", n)
		}
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s\n", event, person, at, []string{"free", "team"}[n%2], amount, currency)
	}
	return b.String()
}

// svg draws lines of text.
func svg(text string) string {
	const size, column, line, margin = 12, 7.22, 16.5, 12
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	width, height := pictureWidth*column+2*margin, float64(len(lines))*line+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="%d" role="img" aria-labelledby="title desc">
<title id="title">The output of a dry run</title>
<desc id="desc">How many rows, events and people there are in a file, counts by event and month, rows that would be refused and why, and rows as they would be sent.</desc>
<style>.paper { fill: #ffffff; stroke: #d0d7de } text { fill: #1f2328; white-space: pre } .head { font-weight: bold; fill: #1f5fd0 }</style>
<rect class="paper" x="0.5" y="0.5" width="%.0f" height="%.0f" rx="6"/>
`, width, height, width, height, size, width-1, height-1)
	for i, text := range lines {
		if text == "" {
			continue
		}
		class := ""
		if !strings.HasPrefix(text, " ") {
			class = ` class="head"`
		}
		indent := len(text) - len(strings.TrimLeft(text, " "))
		text = text[indent:]
		fmt.Fprintf(&b, `<text%s x="%.1f" y="%.1f" textLength="%.1f" xml:space="preserve">%s</text>`+"\n",
			class, margin+float64(indent)*column, margin+float64(i)*line+size, float64(show.Width(text))*column, html.EscapeString(text))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
