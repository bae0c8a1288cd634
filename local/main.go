// Command altertable-local is Altertable Product Analytics on a laptop: the
// documented API, a console that shows what arrives and whom it belongs to, and
// SQL over it. Nothing leaves the machine.
//
//	go run .                               in this directory; then open the URL it prints
//	ALTERTABLE_BASE_URL=http://127.0.0.1:15001 ALTERTABLE_API_KEY=any my-service
//	go run . -sql "SELECT event, identity_id FROM altertable.analytics.events"
//
// The service makes its client with altertable.NewFromEnv, which reads the two
// variables; New reads none.
//
// It answers POST /track, /identify and /alias as package altertabletest does,
// which is its implementation, and POST /query, with the same key:
//
//	{"sql": "SELECT 1 AS one"}
//	{"columns": [{"name": "one", "type": "INTEGER"}], "rows": [[1]], "truncated": false, "duration_ms": 1.5}
//	{"error": {"code": "sql-error", "message": "Parser Error: ..."}}
//
// The codes are sql-error, read-only, timeout, bad-request, too-large,
// unsupported-media-type and unauthorized. Values are JSON: numbers with every
// digit, timestamps as in RFC 3339, lists and structs as arrays and objects, the
// rest as DuckDB writes it, in a string.
//
// The catalog altertable has a schema analytics with two tables:
//
//	events      event, distinct_id, properties, timestamp, identity_traits,
//	            identity_id, environment, anonymous_id, device_id, received_at
//	identities  distinct_id, traits, updated_at, environment, anonymous_ids,
//	            aliases, device_ids, created_at
//
// An event carries the traits its identity has now. Its distinct_id is the one
// it was sent under, its identity_id that of its identity: the user's, for what
// a visitor did before the login. Properties and traits are JSON, timestamps are
// in UTC. Environments differ by the column of that name.
//
// SQL is DuckDB's, and reads only: one SELECT, or an EXPLAIN of one, for 10
// seconds and 10,000 rows or 32 MiB at most. A single call of a function, such
// as levenshtein of two long texts, is not interrupted and goes on after that.
// The data and the queries have 2 GB of memory, and on Linux the process 6 GB,
// since DuckDB does not count all that a function makes. If the data does not
// fit any more, the command ends.
//
// Without -data everything is forgotten at the end. With it, a DuckDB file
// keeps events and identities, and a killed process loses what arrived within
// its last second.
//
// By default it listens on the loopback address alone, and takes any key and the
// environment "production".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// config is what the command line says.
type config struct {
	host         string
	port         int
	keys         list
	environments list
	data         string
	fail         int
	rate         float64
	latency      time.Duration
	sql          string
}

// A list collects the values of a flag that may be repeated.
type list []string

func (l *list) String() string { return "" } // nothing to print as a default

func (l *list) Set(value string) error {
	if value == "" {
		return errors.New("must not be empty")
	}
	*l = append(*l, value)
	return nil
}

func parseFlags(arguments []string, output io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("altertable-local", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&c.host, "host", "127.0.0.1", "address to listen on; others than the loopback's can be reached from the network")
	flags.IntVar(&c.port, "port", 15001, "port to listen on")
	flags.Var(&c.keys, "key", "API key to accept, repeatable (default any); with -sql, the key to use")
	flags.Var(&c.environments, "environment", "environment that exists, repeatable (default production)")
	flags.StringVar(&c.data, "data", "", "file that keeps events and identities (default in memory)")
	flags.IntVar(&c.fail, "fail", 0, "status with which requests to the API fail, such as 503")
	flags.Float64Var(&c.rate, "rate", 1, "share of the requests that fail, 0 to 1")
	flags.DurationVar(&c.latency, "latency", 0, "time by which every answer of the API is late")
	flags.StringVar(&c.sql, "sql", "", "query for the altertable-local that runs already")
	if err := flags.Parse(arguments); err != nil {
		return c, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.port < 0 || c.port > 65535:
		err = fmt.Errorf("-port %d: want 0 to 65535", c.port)
	case given["fail"] && (c.fail < 300 || c.fail > 599):
		err = fmt.Errorf("-fail %d: want a status, 300 to 599", c.fail)
	case !(c.rate >= 0 && c.rate <= 1):
		err = fmt.Errorf("-rate %v: want 0 to 1", c.rate)
	case given["rate"] && !given["fail"]:
		err = errors.New("-rate needs -fail")
	case c.latency < 0:
		err = fmt.Errorf("-latency %v: must not be negative", c.latency)
	case given["sql"] && c.sql == "":
		err = errors.New("-sql: no query")
	}
	if err != nil {
		fmt.Fprintf(output, "altertable-local: %v\n", err)
	}
	return c, err
}

func main() {
	if os.Getenv(engineVariable) != "" {
		engineMain()
	}
	c, err := parseFlags(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if c.sql != "" {
		err = ask(ctx, c, os.Stdout)
	} else {
		keepFilesPrivate() // the engine's too
		err = run(ctx, c, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "altertable-local:", err)
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, c config, output io.Writer) error {
	s, err := start(c)
	if err != nil {
		return err
	}
	key := "any"
	if len(c.keys) > 0 {
		key = "YOUR_KEY" // what was given with -key is not repeated anywhere
	}
	fmt.Fprintf(output, `Console: %s/

For a service that calls altertable.NewFromEnv:

export ALTERTABLE_BASE_URL=%s
export ALTERTABLE_API_KEY=%s

`, s.url, s.url, key)
	select {
	case <-ctx.Done():
	case <-s.failed():
	}
	err = s.close()
	if err == nil {
		fmt.Fprintf(output, "ended, %d events\n", s.hub.count())
	}
	return err
}
