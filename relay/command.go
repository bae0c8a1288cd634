package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
)

// A command is a subcommand.
type command struct {
	name, arguments, summary string
	run                      func(ctx context.Context, args []string, t terminal) int
}

func commands() []command {
	return []command{
		{"serve", "", "store events and deliver them; what is done without a subcommand", serveCommand},
		{"status", "", "what a relay does now", statusCommand},
		{"check", "", "try the configuration, the broker and the API's keys", checkCommand},
		{"dlq", "ls|show|replay|purge", "dead letters: events that the API refused", deadCommand},
		{"version", "", "the version", versionCommand},
		{"help", "", "this text", helpCommand},
	}
}

// run does what the arguments say, and returns the exit status.
func run(ctx context.Context, args []string, t terminal) int {
	if len(args) == 0 {
		return serveCommand(ctx, nil, t)
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help":
		return helpCommand(ctx, nil, t)
	case "--version", "-version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, args[1:], t)
		}
	}
	if strings.HasPrefix(name, "-") {
		return serveCommand(ctx, args, t)
	}
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	// The argument is not repeated: it may be a key.
	t.fail(fmt.Errorf("there is no such command: the first argument is one of %s", strings.Join(names, ", ")))
	return exitUsage
}

// fail writes an error, each line of which is one.
func (t terminal) fail(err error) {
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintln(t.err, "altertable-relay:", line)
	}
}

func helpCommand(ctx context.Context, args []string, t terminal) int {
	for _, c := range commands() {
		if len(args) > 0 && c.name == args[0] && c.name != "help" {
			return c.run(ctx, []string{"-h"}, t)
		}
	}
	fmt.Fprint(t.out, "altertable-relay stores events on NATS JetStream and delivers them to Altertable.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(t.out, "  %-30s %s\n", strings.TrimSpace("altertable-relay "+c.name), c.summary)
	}
	fmt.Fprint(t.out, `
"altertable-relay help serve" and the like list the flags of a command.

Each flag has a variable and a key in the file of --config: --max-bytes is
ALTERTABLE_RELAY_MAX_BYTES and max_bytes. A flag wins over its variable, the
variable over the file.

  ALTERTABLE_API_KEY             the API's key; without it, and without --data,
                                 --api or a token, an embedded server is the API
  ALTERTABLE_RELAY_TOKEN         what producers send as their key; without it any,
                                 on the loopback address alone

Where the file has tenants, it says where their keys are, and has the hashes of
their tokens. ALTERTABLE_BASE_URL is for services, and is not read.

The exit status is 0, or 1 if something failed, or 2 if a flag, a variable or the
file is wrong.
`)
	return exitOK
}

// parse reads the flags of a command, its own among them, and the configuration.
// It returns nil and the exit status if that is all there is to do.
func (t terminal) parse(name string, args []string, use config.Use, own func(*flag.FlagSet)) (*config.Config, int) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	if own != nil {
		own(set)
	}
	flags := config.NewFlags(set)
	err := set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		t.usage(name, set, use)
		return nil, exitOK
	case err != nil:
		t.fail(flagError(err))
		return nil, exitUsage
	case set.NArg() > 0: // which may be a key
		t.fail(fmt.Errorf("%s takes flags alone, not %s after them", name, counted(set.NArg(), "argument")))
		return nil, exitUsage
	}
	c, err := flags.Read(t.getenv, use)
	if err != nil {
		t.fail(err)
		return nil, exitUsage
	}
	return c, exitOK
}

// flagError says what package flag means, without a value that may be a key.
func flagError(err error) error {
	text := err.Error()
	if name, found := strings.CutPrefix(text, "flag provided but not defined: -"); found {
		switch strings.ReplaceAll(name, "-", "") {
		case "apikey", "key", "token", "relaytoken":
			return errors.New("there is no flag for keys and tokens, which everybody on the machine could see: set ALTERTABLE_API_KEY and ALTERTABLE_RELAY_TOKEN, or say in the file where they are")
		}
		return fmt.Errorf("there is no flag --%.40s: -h lists them", name)
	}
	if name, found := strings.CutPrefix(text, "flag needs an argument: -"); found {
		return fmt.Errorf("--%s needs a value", name)
	}
	if strings.HasPrefix(text, "bad flag syntax") {
		return errors.New("an argument is not a flag: write --name value or --name=value")
	}
	return err
}

// usage lists flags. Of serve's, a command that asks a relay has those that say
// where it is; the others are taken, so that what starts a relay finds it, too.
func (t terminal) usage(name string, set *flag.FlagSet, use config.Use) {
	fmt.Fprintf(t.out, "altertable-relay %s\n\n", name)
	left := 0
	set.VisitAll(func(f *flag.Flag) {
		if use == config.Ask && !config.FindsRelay(f.Name) {
			left++
			return
		}
		argument, text := flag.UnquoteUsage(f)
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			argument = ""
		}
		fmt.Fprintf(t.out, "  --%s\n        %s\n", strings.TrimSpace(f.Name+" "+argument), text)
	})
	if left > 0 {
		fmt.Fprint(t.out, "\nThe other flags of serve are taken, too, and change nothing here.\n")
	}
}
