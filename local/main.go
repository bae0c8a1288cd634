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
// # Flags
//
//	-host, -port        the address to listen on; without them the loopback's, port 15001
//	-key KEY            a key to accept, repeatable; without it any key
//	-environment NAME   an environment that exists, repeatable; without it production
//	-origin ORIGIN      an origin whose pages may send events, repeatable
//	-data FILE          keep events and identities in a DuckDB file
//	-fail, -rate        the status of requests that fail, and the share of them
//	-latency            by how much every answer of the API is late
//	-sql QUERY          ask the altertable-local that runs already
//
// # Sending
//
// It answers POST /track, /identify and /alias as package altertabletest does,
// which is its implementation.
//
// A browser lets a page send to another origin only if that allows it. With
//
//	-origin http://localhost:5173
//
// pages of that origin may send to the three endpoints, with the browser SDK for
// example, whose base URL is the one that is printed. They may read the answers,
// and a beacon of a page that is left arrives, too. The origin is what
// location.origin is in the page. Everything else stays closed to other origins:
// the console, its data and POST /query. They are used at the command's own
// address, so not through a proxy. The console shows which origins were refused.
//
// # Queries
//
// POST /query takes two forms. The first one is for people, with the same key:
//
//	{"sql": "SELECT 1 AS one"}
//	{"columns": [{"name": "one", "type": "INTEGER"}], "rows": [[1]], "truncated": false, "duration_ms": 1.5}
//	{"error": {"code": "sql-error", "message": "Parser Error: ..."}}
//
// The codes are sql-error, read-only, timeout, engine-crashed, canceled (the
// command ends), bad-request, too-large, unsupported-media-type, unauthorized,
// forbidden and internal-error (no data can be stored any more). The members'
// names are matched exactly, and others than sql are ignored. Values are JSON:
// numbers with every digit, timestamps as in RFC 3339, lists and structs as
// arrays and objects, the rest as DuckDB writes it, in a string.
//
// The second one is that of the platform's lakehouse API, for its clients:
// {"statement": "..."} with Basic auth, where the password is a key and the user
// any name. The answer is a line of metadata, a line of columns, and a line for
// each row.
//
// # Tables
//
// The catalog altertable has a schema analytics with two tables:
//
//	events      event, distinct_id, properties, timestamp, identity_traits,
//	            identity_id, environment, anonymous_id, device_id, session_id,
//	            received_at
//	identities  distinct_id, traits, updated_at, environment, anonymous_ids,
//	            aliases, device_ids, created_at
//
// An event carries the traits its identity has now. Its distinct_id is the one
// it was sent under, NULL if there was none, its identity_id that of its
// identity: the user's, for what a visitor did before the login. Properties and
// traits are JSON, timestamps are in UTC. Environments differ by the column of
// that name. A name with a $ is quoted in a path:
//
//	SELECT json_extract_string(properties, '$."$lib"') AS sdk FROM altertable.analytics.events
//
// SQL is DuckDB's, and reads only: one SELECT, or an EXPLAIN of one, for 10
// seconds and 10,000 rows or 32 MiB at most. It runs in a process of its own. A
// query that makes DuckDB crash, or that it does not interrupt, ends that process
// and gets an error; the process is started again with the data, other queries
// are run again, and no event is lost. The data and the queries have 2 GB of
// memory, and on Linux the process 6 GB, since DuckDB does not count all that a
// function makes. If the data does not fit any more, the command ends.
//
// Without -data everything is forgotten at the end. Until then the events are in
// a temporary file as well, for a process that is started again. With -data, a
// DuckDB file keeps events and identities, and a killed command loses what
// arrived within its last second.
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
	"slices"
	"syscall"

	"github.com/altertable-ai/altertable-go/local/server"
)

// config is what the command line says.
type config struct {
	server.Config
	sql string
}

// A list collects the values of a flag that may be repeated, each once.
type list []string

func (l *list) String() string { return "" } // nothing to print as a default

func (l *list) Set(value string) error {
	if value == "" {
		return errors.New("must not be empty")
	}
	if !slices.Contains(*l, value) {
		*l = append(*l, value)
	}
	return nil
}

func parseFlags(arguments []string, output io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("altertable-local", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&c.Host, "host", "127.0.0.1", "address to listen on; others than the loopback's can be reached from the network")
	flags.IntVar(&c.Port, "port", server.DefaultPort, "port to listen on")
	flags.Var((*list)(&c.Keys), "key", "API key to accept, repeatable (default any); with -sql, the key to use")
	flags.Var((*list)(&c.Environments), "environment", "environment that exists, repeatable (default production)")
	flags.Var((*list)(&c.Origins), "origin", "origin whose pages may send events, such as http://localhost:5173, repeatable")
	flags.StringVar(&c.Data, "data", "", "file that keeps events and identities (default in memory)")
	flags.IntVar(&c.Fail, "fail", 0, "status with which requests to the API fail, such as 503")
	flags.Float64Var(&c.FailRate, "rate", 1, "share of the requests that fail, 0 to 1")
	flags.DurationVar(&c.Latency, "latency", 0, "time by which every answer of the API is late")
	flags.StringVar(&c.sql, "sql", "", "query for the altertable-local that runs already")
	if err := flags.Parse(arguments); err != nil {
		return c, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	err := c.Validate()
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case given["rate"] && !given["fail"]:
		err = errors.New("-rate needs -fail")
	case given["sql"] && c.sql == "":
		err = errors.New("-sql: no query")
	}
	if err != nil {
		fmt.Fprintf(output, "altertable-local: %v\n", err)
	}
	if c.FailRate == 0 {
		c.Fail = 0 // a Config's 0 stands for all requests
	}
	return c, err
}

func main() {
	server.Engine()
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
	s, err := server.Start(c.Config)
	if errors.Is(err, server.ErrPortInUse) {
		return fmt.Errorf("port %d: %w; -port chooses another", c.Port, err)
	}
	if err != nil {
		return err
	}
	key := "any"
	if len(c.Keys) > 0 {
		key = "YOUR_KEY" // what was given with -key is not repeated anywhere
	}
	fmt.Fprintf(output, `Console: %s/

For a service that calls altertable.NewFromEnv:

export ALTERTABLE_BASE_URL=%s
export ALTERTABLE_API_KEY=%s

`, s.URL(), s.URL(), key)
	for _, origin := range c.Origins {
		fmt.Fprintf(output, "Pages of %s may send events to %s\n\n", origin, s.URL())
	}
	select {
	case <-ctx.Done():
	case <-s.Failed():
	}
	err = s.Close()
	if err == nil {
		fmt.Fprintf(output, "ended, %d events\n", s.Events())
	}
	return err
}
