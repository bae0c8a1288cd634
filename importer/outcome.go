package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
	"github.com/altertable-ai/altertable-go/importer/internal/survey"
)

// printReport says on standard output what became of the import, and how to go
// on.
func (j *job) printReport(interrupted bool) {
	r := &j.report
	fact := func(name, format string, args ...any) {
		fmt.Fprintf(j.out, "  %-14s%s\n", name, fmt.Sprintf(format, args...))
	}
	head := "Imported " + show.Text(j.source.Name, 60)
	if !r.Finished {
		head += ", not to its end"
	}
	fmt.Fprintln(j.out, head)
	fact("rows", "%s", show.Count(r.Rows))
	if r.LeftOut > 0 {
		fact("left out", "%s by -only, -since or -until", show.Count(r.LeftOut))
	}
	earlier := ""
	if r.Earlier > 0 {
		earlier = fmt.Sprintf(", %s of them by earlier runs", show.Count(r.Earlier))
	}
	fact("delivered", "%s of %s%s", show.Count(r.Delivered), show.Counted(r.Messages, "message"), earlier)
	fact("size", "%s", show.Bytes(r.Bytes))
	fact("time", "%s", show.Seconds(r.Seconds))
	if r.Duplicates > 0 {
		fact("perhaps twice", "%s; a query can count a $event_id once", show.Count(r.Duplicates))
	}
	fact("refused", "%s", show.Count(r.refused()))
	for _, reason := range slices.SortedFunc(maps.Keys(r.Rejected), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Rejected[b], r.Rejected[a]), strings.Compare(a, b))
	}) {
		indent := fmt.Sprintf("%16s%-10s", "", show.Count(r.Rejected[reason]))
		for _, line := range show.Wrap(show.Text(reason, 400), usualWidth-26) {
			fmt.Fprintln(j.out, indent+line)
			indent = strings.Repeat(" ", 26)
		}
	}
	j.printAdvice(interrupted)
}

func (j *job) printAdvice(interrupted bool) {
	r := &j.report
	if r.refused() > 0 && j.files.rejects != "" {
		fmt.Fprintf(j.out, "\nThe refused rows are in %s\nMend them, and import that file:\n  %s %s\n", show.Text(j.files.rejects, 400), j.command, quote(j.files.rejects))
	}
	if !r.Finished && j.files.state != "" {
		why := "It ended early"
		if interrupted {
			why = "It was interrupted"
		}
		fmt.Fprintf(j.out, "\n%s: %s left. Run the same command again, and it goes on.\n",
			why, show.Counted(r.Messages-r.Delivered-r.refused(), "message"))
	}
	if identifies := j.stage.Endpoints[record.Identify]; identifies > 0 && r.Delivered > 0 && j.to == "" && !j.traitsNow && survey.HasTime(j.stage.Columns) {
		fmt.Fprintln(j.out)
		for _, line := range show.Wrap("Identifies "+survey.OldIdentifies, usualWidth) {
			fmt.Fprintln(j.out, line)
		}
	}
}

// quote writes a path as a shell takes it.
func quote(path string) string {
	path = show.Text(path, 400)
	if strings.ContainsAny(path, " '\"$`\\*?[](){}&;|<>~!#") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
