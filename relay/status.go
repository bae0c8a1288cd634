package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
)

func statusCommand(ctx context.Context, args []string, t terminal) int {
	var asJSON bool
	c, exit := t.parse("status", args, config.Ask, func(set *flag.FlagSet) { set.BoolVar(&asJSON, "json", false, "as JSON") })
	if c == nil {
		return exit
	}
	to, err := find(ctx, c, t)
	if err != nil {
		t.fail(err)
		return exitFailed
	}
	defer to.close()
	s, err := to.status(ctx)
	if err != nil {
		t.fail(err)
		return exitFailed
	}
	if asJSON {
		lines := json.NewEncoder(inert{t.out})
		lines.SetIndent("", "  ")
		err = lines.Encode(s)
	} else {
		err = s.write(t.out)
	}
	if err != nil {
		t.fail(err)
	}
	if err != nil || s.Running && !s.Ready {
		return exitFailed
	}
	return exitOK
}

// write writes the status as tables.
func (s status) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	state := "ready"
	if !s.Ready {
		state = "not ready: " + plain(s.Reason)
	}
	if !s.Running {
		state = plain(s.Reason)
	}
	fmt.Fprintf(w, "relay\t%s, %s\n", s.Version, state)
	for _, row := range [][2]string{
		{"roles", strings.Join(s.Roles, ", ")}, {"producers", s.Listen}, {"API", s.API}, {"data", s.Data}, {"NATS", s.NATS},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	if s.DiskSize > 0 {
		fmt.Fprintf(w, "disk\t%s of %s free\n", bytesOf(int64(s.DiskFree)), bytesOf(int64(s.DiskSize)))
	}
	if !s.Started.IsZero() {
		fmt.Fprintf(w, "started\t%s\n", s.Started.Format(time.RFC3339))
	}
	fmt.Fprint(w, "\nTENANT\tEVENTS STORED\tBYTES\tOLDEST\tDEAD LETTERS\tDRAIN\n")
	for _, t := range s.Tenants {
		oldest := (time.Duration(t.Stored.OldestSeconds * float64(time.Second))).Round(time.Second)
		size := bytesOf(t.Stored.Bytes)
		if t.Stored.MaxBytes > 0 {
			size += " of " + bytesOf(t.Stored.MaxBytes)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%v\t%d\t%s\n", t.Name, t.Stored.Events, size, oldest, t.Stored.DeadLetters, t.does())
	}
	return w.Flush()
}

// does says what the tenant's drain does.
func (t tenantStatus) does() string {
	switch d := t.Drain; {
	case t.Error != "":
		return plain(t.Error)
	case t.Absent:
		return "no relay has served it here yet"
	case d == nil:
		return "-"
	case d.Paused != "" || d.MissingCount > 0:
		var why []string
		for _, name := range d.Missing {
			why = append(why, brief(name)+": environment-not-found")
		}
		if more := d.MissingCount - len(d.Missing); more > 0 {
			why = append(why, fmt.Sprintf("%d more environments", more))
		}
		if d.Paused != "" {
			why = append(why, "tenant: "+plain(d.Paused))
		}
		return "paused (" + strings.Join(why, "; ") + ")"
	case len(d.Leads) == 0:
		return "stands by"
	case d.Last.IsZero():
		return "leads"
	default:
		return "leads, delivered last at " + d.Last.UTC().Format(time.RFC3339)
	}
}

// bytesOf returns "1.5 GiB".
func bytesOf(n int64) string {
	const step = 1024
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/step, 0
	for value >= step && unit < len(prefixes)-1 {
		value, unit = value/step, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, prefixes[unit])
}

const prefixes = "KMGTPE"
