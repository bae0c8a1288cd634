package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
)

// A deadCall is a call of dlq.
type deadCall struct {
	tenant, code, since string
	yes                 bool
}

func deadCommand(ctx context.Context, args []string, t terminal) int {
	verbs := map[string]func(context.Context, target, deadletter.Filter, deadCall, terminal) error{
		"ls": listLetters, "show": showLetters, "replay": replayLetters, "purge": purgeLetters,
	}
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		fmt.Fprint(t.out, deadHelp)
		return exitOK
	}
	if len(args) == 0 || verbs[args[0]] == nil {
		t.fail(errors.New("dlq is followed by ls, show, replay or purge: see dlq -h"))
		return exitUsage
	}
	var call deadCall
	c, exit := t.parse("dlq "+args[0], args[1:], config.Ask, call.flags)
	if c == nil {
		return exit
	}
	f, err := call.filter(time.Now())
	if err != nil {
		t.fail(err)
		return exitUsage
	}
	to, err := find(ctx, c, t)
	if err == nil {
		defer to.close()
		if err := call.checkTenant(ctx, to); err != nil {
			t.fail(err)
			return exitUsage
		}
		err = verbs[args[0]](ctx, to, f, call, t)
	}
	if err != nil {
		t.fail(err)
		return exitFailed
	}
	return exitOK
}

const deadHelp = `Dead letters are events that the API refused, each with the reason.

  altertable-relay dlq ls       what there is, without the events
  altertable-relay dlq show     the events, a line each: {"endpoint":"track","message":{...}}
  altertable-relay dlq replay   send them again, once what was wrong is mended
  altertable-relay dlq purge    delete them; needs --yes

  --tenant NAME   of one tenant alone
  --code CODE     with one code alone, as ls shows it
  --since TIME    refused since then: 24h ago, or 2026-11-27T09:00:00Z

--data, --admin-listen or --nats say which relay: see "dlq ls -h".
`

func (d *deadCall) flags(set *flag.FlagSet) {
	set.StringVar(&d.tenant, "tenant", "", "`name` of the one tenant that is meant")
	set.StringVar(&d.code, "code", "", "the one `code` that is meant")
	set.StringVar(&d.since, "since", "", "`time` since which they were refused: 24h, or 2026-11-27T09:00:00Z")
	set.BoolVar(&d.yes, "yes", false, "purge: delete them indeed")
}

// filter checks the flags, so that a misspelt one never means everything.
func (d *deadCall) filter(now time.Time) (deadletter.Filter, error) {
	f := deadletter.Filter{Tenant: d.tenant, Code: d.code}
	if d.since == "" {
		return f, nil
	}
	if ago, err := time.ParseDuration(d.since); err == nil && ago > 0 {
		f.Since = now.Add(-ago)
		return f, nil
	}
	var err error
	if f.Since, err = time.Parse(time.RFC3339, d.since); err != nil {
		return f, fmt.Errorf("--since: %.60q is not a time: how long ago, such as 24h, or 2026-11-27T09:00:00Z", d.since)
	}
	if f.Since.After(now) {
		return f, fmt.Errorf("--since: %s is in the future", d.since)
	}
	return f, nil
}

// checkTenant asks the relay, or its store, who its tenants are: the command may
// be given no file.
func (d *deadCall) checkTenant(ctx context.Context, to target) error {
	if d.tenant == "" {
		return nil
	}
	tenants, err := to.tenants(ctx)
	if err == nil && !slices.Contains(tenants, d.tenant) {
		err = fmt.Errorf("--tenant: %.60q is none of %q", d.tenant, tenants)
	}
	return err
}

func listLetters(ctx context.Context, to target, f deadletter.Filter, _ deadCall, t terminal) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	n := 0
	err := to.list(ctx, f, false, func(l deadletter.Letter) error {
		if n == 0 {
			fmt.Fprint(w, "TENANT\tSEQUENCE\tTIME\tENDPOINT\tCODE\tREASON\n")
		}
		n++
		_, err := fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", l.Tenant, l.Sequence, l.Time.UTC().Format(time.RFC3339), plain(l.Endpoint), plain(l.Code), plain(l.Reason))
		if err == nil && n%100 == 0 { // a table that is long is not kept in memory
			err = w.Flush()
		}
		return err
	})
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	fmt.Fprintln(t.err, counted(n, "dead letter"))
	return err
}

// A raw is a line of a file of dead letters.
type raw struct {
	Endpoint string          `json:"endpoint"`
	Message  json.RawMessage `json:"message"`
	Encoding string          `json:"encoding,omitempty"` // of what is no JSON: Message is then a string of it
}

func showLetters(ctx context.Context, to target, f deadletter.Filter, _ deadCall, t terminal) error {
	lines := json.NewEncoder(inert{t.out})
	lines.SetEscapeHTML(false)
	n := 0
	err := to.list(ctx, f, true, func(l deadletter.Letter) error {
		n++
		return lines.Encode(raw{l.Endpoint, l.Message, l.Encoding})
	})
	fmt.Fprintln(t.err, counted(n, "dead letter"))
	return err
}

func replayLetters(ctx context.Context, to target, f deadletter.Filter, _ deadCall, t terminal) error {
	n, err := to.change(ctx, "replay", f)
	fmt.Fprintf(t.out, "%s on the way again\n", counted(n, "dead letter"))
	return err
}

// purgeLetters says how many they are unless that was confirmed: nothing brings
// them back.
func purgeLetters(ctx context.Context, to target, f deadletter.Filter, call deadCall, t terminal) error {
	if !call.yes {
		n := 0
		if err := to.list(ctx, f, false, func(deadletter.Letter) error { n++; return nil }); err != nil {
			return err
		}
		return fmt.Errorf("%s would be deleted for good: --yes does it, dlq show keeps them in a file", counted(n, "dead letter"))
	}
	n, err := to.change(ctx, "purge", f)
	fmt.Fprintf(t.out, "%s deleted\n", counted(n, "dead letter"))
	return err
}
