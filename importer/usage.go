package main

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/preset"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// groups are the flags in the order of usage.
var groups = []struct {
	name  string
	flags []string
}{
	{"What is imported", []string{"as", "preset", "sql", "table", "format", "delimiter", "encoding", "print-sql", "only", "since", "until", "environment", "traits-now"}},
	{"Before it is sent", []string{"dry-run", "show-values", "to"}},
	{"While it is sent", []string{"rate", "state", "force", "rejects", "report", "temp"}},
}

// usageHead is what stands before the flags, with the command's name as its value.
const usageHead = `altertable-import brings users and their history to Altertable.

  %[1]s [flags] FILE...                CSV, JSON or Parquet
  %[1]s [flags] DATABASE               DuckDB or SQLite
  %[1]s [flags] -sql SELECT FILE...    with other columns

and what has no place beside it for the notes of what was delivered:

  %[1]s [flags] -state FILE -          standard input
  %[1]s [flags] -state FILE postgres://...
  %[1]s [flags] -state FILE -sql SELECT

A row is a message. Columns have their meaning by name: event, distinct_id,
anonymous_id, timestamp, environment, properties or traits. All others become
properties of an event, or traits of a user. Without ALTERTABLE_API_KEY it is a
dry run, which sends nothing.

Examples:

  Look at it first:
    %[1]s -dry-run events.csv
  See it in a console on this machine:
    %[1]s -to local events.csv
  Send it, and go on where it was interrupted:
    ALTERTABLE_API_KEY=... %[1]s events.csv
  Users of a table with other names, from a file and from a database:
    %[1]s -as identify \
      -sql "SELECT user_id AS distinct_id, plan, country FROM source" users.csv
    %[1]s -as identify \
      -sql "SELECT id AS distinct_id, plan FROM users" app.sqlite
  A try with a part of it:
    %[1]s -since 2026-01-01 -until 2026-01-02 \
      -environment import-test -state test.state \
      -rejects test.rejects.ndjson events.csv
  An export of another tool, files and all:
    %[1]s -preset mixpanel 'export/*.json.gz'
  What was refused, when it is mended:
    %[1]s events.csv.rejects.ndjson
`

// usageTail is what stands behind the presets.
const usageTail = `
Variables:
  ALTERTABLE_API_KEY        the ingestion key, of Altertable's dashboard
  ALTERTABLE_ENVIRONMENT    the environment of rows that name none
  ALTERTABLE_BASE_URL       another server than https://api.altertable.ai
  ALTERTABLE_INSECURE_HTTP  true lets that be http
  ALTERTABLE_DISABLED       true makes each import a dry run

Exit status:
  0 all is well, 2 rows were refused, 1 trouble, 130 an interrupt
`

// usage writes what -h shows.
func usage(out io.Writer, command string) {
	fmt.Fprintf(out, usageHead, command)
	usageOfFlags(out)
	usageOfPresets(out)
	fmt.Fprint(out, usageTail)
}

// usageOfFlags writes the groups.
func usageOfFlags(out io.Writer) {
	f := (&config{}).flags()
	for _, group := range groups {
		fmt.Fprintf(out, "\n%s:\n", group.name)
		for _, name := range group.flags {
			argument, text := flag.UnquoteUsage(f.Lookup(name))
			usageOf(out, name, argument, text)
		}
	}
}

func usageOfPresets(out io.Writer) {
	fmt.Fprint(out, "\nPresets:\n")
	for _, p := range preset.All() {
		usageLines(out, fmt.Sprintf("  %-13s", p.Name), p.Doc)
	}
}

// usageOf writes a flag, whose value is called argument.
func usageOf(out io.Writer, name, argument, text string) {
	head := "  -" + name
	if argument != "" {
		head += " " + argument
		text = strings.TrimPrefix(text, argument+" ")
	}
	if show.Width(head) > 22 {
		fmt.Fprintln(out, head)
		head = ""
	}
	usageLines(out, show.Pad(head, 24), text)
}

func usageLines(out io.Writer, head, text string) {
	for _, line := range show.Wrap(text, 79-show.Width(head)) {
		fmt.Fprintln(out, head+line)
		head = strings.Repeat(" ", show.Width(head))
	}
}
