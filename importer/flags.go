package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/preset"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A config is what the command line says.
type config struct {
	as, preset, sql, table      string
	format, delimiter, encoding string
	only, since, until          string
	environment                 string
	to                          string
	rate                        float64
	state, rejects              string
	report, temp                string
	dryRun, showValues          bool
	printSQL, force, traitsNow  bool

	paths     []string
	given     map[string]bool
	endpoints map[string]bool // of -only; nil: all
	from, end time.Time       // of -since and -until
}

// flags declares the flags, of which usage and README.md have the same ones. Their
// texts begin with what usage calls the value.
func (c *config) flags() *flag.FlagSet {
	f := flag.NewFlagSet("altertable-import", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&c.as, "as", "", "`KIND` what rows are that do not say it themselves: track, identify or alias; guessed by the columns otherwise")
	f.StringVar(&c.preset, "preset", "", "`NAME` the tool whose export it is")
	f.StringVar(&c.sql, "sql", "", "`SELECT` a SELECT of DuckDB that gives the rows: of files, FROM source; alone it names what it reads, and needs -state")
	f.StringVar(&c.table, "table", "", "`NAME` the table of a database to import")
	f.StringVar(&c.format, "format", "", "`NAME` csv, ndjson, json or parquet, where names of files do not say it")
	f.StringVar(&c.delimiter, "delimiter", "", "`CHARACTER` between the columns of CSV; found in the first line otherwise")
	f.StringVar(&c.encoding, "encoding", "", "`NAME` of CSV: utf-8, utf-16 or latin-1 (default utf-8)")
	f.BoolVar(&c.printSQL, "print-sql", false, "print the SQL that makes messages of the rows, to be edited and given to -sql")
	f.StringVar(&c.only, "only", "", "`KINDS` import these alone: users, events, identify, alias, track, with commas between")
	f.StringVar(&c.since, "since", "", "`TIME` leave out rows before it, in UTC: 2026-01-31 or 2026-01-31T12:00:00Z")
	f.StringVar(&c.until, "until", "", "`TIME` leave out rows at or after it")
	f.StringVar(&c.environment, "environment", "", "`NAME` of rows that name none (default ALTERTABLE_ENVIRONMENT, else production)")
	f.BoolVar(&c.traitsNow, "traits-now", false, "stamp identifies with the time of the import, so that their traits win over those that are there")
	f.BoolVar(&c.dryRun, "dry-run", false, "look at all rows and send nothing; so it is without ALTERTABLE_API_KEY, too")
	f.BoolVar(&c.showValues, "show-values", false, "let the dry run show ids and values")
	f.StringVar(&c.to, "to", "", "`local` send to a server within this command, and keep its console open")
	f.Float64Var(&c.rate, "rate", 0, "`NUMBER` messages a second at most (default as many as the API takes)")
	f.StringVar(&c.state, "state", "", "`FILE` notes what was delivered (default SOURCE.import-state)")
	f.BoolVar(&c.force, "force", false, "go on although the source, the flags or the target have changed since")
	f.StringVar(&c.rejects, "rejects", "", "`FILE` for rows that were refused (default SOURCE.rejects.ndjson)")
	f.StringVar(&c.report, "report", "", "`FILE` for the report as JSON")
	f.StringVar(&c.temp, "temp", "", "`DIRECTORY` for temporary files (default the system's)")
	return f
}

func presets() []string {
	var names []string
	for _, p := range preset.All() {
		names = append(names, p.Name)
	}
	return names
}

// parseFlags reads the arguments, of which flags may stand behind files. Its
// errors are sentences.
func parseFlags(args []string) (*config, error) {
	c := &config{given: map[string]bool{}}
	f := c.flags()
	for {
		if err := f.Parse(args); err != nil {
			return nil, flagError(err)
		}
		rest := f.Args()
		if used := len(args) - len(rest); used > 0 && args[used-1] == "--" {
			c.paths = append(c.paths, rest...)
			break
		}
		if len(rest) == 0 {
			break
		}
		c.paths, args = append(c.paths, rest[0]), rest[1:]
	}
	f.Visit(func(f *flag.Flag) { c.given[f.Name] = true })
	return c, c.check(f)
}

// flagError says what package flag means.
func flagError(err error) error {
	text := err.Error()
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	if name, found := strings.CutPrefix(text, "flag provided but not defined: -"); found {
		switch strings.Trim(name, "-") {
		case "key", "api-key", "apikey", "token":
			return errors.New("there is no flag for the key, which everybody on the machine could see: set ALTERTABLE_API_KEY")
		}
		return fmt.Errorf("there is no flag -%s: -h lists them", show.Text(name, 40))
	}
	if name, found := strings.CutPrefix(text, "flag needs an argument: -"); found {
		return fmt.Errorf("-%s needs a value behind it", name)
	}
	if strings.HasPrefix(text, "bad flag syntax") {
		return errors.New("an argument is neither a flag nor a file: write -name value, and -- before a file whose name begins with -")
	}
	if strings.Contains(text, "for flag -rate") {
		return errors.New("-rate takes a number of messages a second, such as 500")
	}
	if _, name, found := strings.Cut(text, "boolean value "); found {
		_, name, _ = strings.Cut(name, "for -")
		name, _, _ = strings.Cut(name, ":")
		return fmt.Errorf("-%s takes no value, or =true or =false", name)
	}
	return errors.New("a flag has a value that it does not take: -h lists them")
}

// check reads the values, and refuses those that contradict one another.
func (c *config) check(flags *flag.FlagSet) error {
	var empty []string
	flags.Visit(func(f *flag.Flag) {
		if strings.TrimSpace(f.Value.String()) == "" && f.Value.String() != "\t" { // a delimiter
			empty = append(empty, "-"+f.Name)
		}
	})
	if len(empty) > 0 {
		return fmt.Errorf("%s needs a value that is not empty", empty[0])
	}
	if err := c.checkKinds(); err != nil {
		return err
	}
	if err := c.checkTimes(); err != nil {
		return err
	}
	switch {
	case c.preset != "" && !slices.Contains(presets(), c.preset):
		return errors.New("there is no such -preset: there are " + strings.Join(presets(), ", "))
	case c.to != "" && c.to != "local":
		return errors.New("-to takes local alone; another server's address is in ALTERTABLE_BASE_URL")
	case c.to != "" && c.dryRun:
		return errors.New("-dry-run sends nothing and -to local does: give one of them")
	case math.IsNaN(c.rate) || math.IsInf(c.rate, 0) || c.rate < 0:
		return errors.New("-rate takes a number of messages a second, such as 500")
	case c.given["rate"] && c.rate == 0:
		return errors.New("-rate takes more than 0 messages a second; without it, it is as many as the API takes")
	case c.preset != "" && c.sql != "":
		return errors.New("-preset and -sql are both the mapping: print the preset's with -print-sql, edit it, and give that to -sql alone")
	case c.preset != "" && c.as != "":
		return errors.New("-preset says of each row what it is: leave -as out")
	case c.table != "" && c.sql != "":
		return errors.New("-table and -sql both say what to read: name the table in the query, and leave -table out")
	}
	return nil
}

func (c *config) checkKinds() error {
	switch c.as {
	case "", record.Track, record.Identify, record.Alias:
	default:
		return errors.New("-as takes track, identify or alias")
	}
	if !c.given["only"] {
		return nil
	}
	c.endpoints = map[string]bool{}
	for kind := range strings.SplitSeq(c.only, ",") {
		switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
		case "users":
			c.endpoints[record.Identify], c.endpoints[record.Alias] = true, true
		case "events":
			c.endpoints[record.Track] = true
		case record.Identify, record.Alias, record.Track:
			c.endpoints[kind] = true
		default:
			return errors.New("-only takes users (who are identify and alias), events (which are track), identify, alias and track, with commas between")
		}
	}
	return nil
}

func (c *config) checkTimes() (err error) {
	if c.from, err = readTime("since", c.since); err != nil {
		return err
	}
	if c.end, err = readTime("until", c.until); err != nil {
		return err
	}
	if c.since != "" && c.until != "" && !c.from.Before(c.end) {
		return errors.New("-until is not after -since, so there is nothing between them")
	}
	return nil
}

// readTime reads a date or a time, in UTC where it does not say.
func readTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{
		time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateTime,
		time.RFC3339, "2006-01-02 15:04:05Z07:00",
	} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1 {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("-%s takes a date such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z", name)
}
