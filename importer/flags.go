package main

import (
	"flag"
	"io"
	"time"
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
	f.BoolVar(&c.showValues, "show-values", false, "let a dry run show ids and values")
	f.StringVar(&c.to, "to", "", "`local` send to a server within this command, and keep its console open")
	f.Float64Var(&c.rate, "rate", 0, "`NUMBER` messages a second at most (default as many as the API takes)")
	f.StringVar(&c.state, "state", "", "`FILE` notes what was delivered (default SOURCE.import-state, or SOURCE.TABLE.import-state)")
	f.BoolVar(&c.force, "force", false, "go on although the source, the flags or the target have changed since")
	f.StringVar(&c.rejects, "rejects", "", "`FILE` for rows that were refused (default beside the source, or beside the state: SOURCE.rejects.ndjson)")
	f.StringVar(&c.report, "report", "", "`FILE` for the report as JSON")
	f.StringVar(&c.temp, "temp", "", "`DIRECTORY` for temporary files (default the system's)")
	return f
}
