package config

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
)

const (
	keyVariable   = "ALTERTABLE_API_KEY"
	tokenVariable = "ALTERTABLE_RELAY_TOKEN"
)

// Flags are the flags of a command line, before they are checked.
type Flags struct{ given map[string]string }

// NewFlags defines the flags in set.
func NewFlags(set *flag.FlagSet) *Flags {
	f := &Flags{given: map[string]string{}}
	set.Var(&flagText{f, configName, false}, configName, "YAML `file` with the same settings, and tenants")
	for _, s := range settings {
		usage := s.usage
		if s.preset != "" && s.preset != "0" {
			usage += " (default " + s.preset + ")"
		}
		set.Var(&flagText{f, s.name, s.bare}, s.name, usage)
	}
	return f
}

// A flagText keeps what a flag was given. It is checked with all others, so that
// all errors are told at once.
type flagText struct {
	flags *Flags
	name  string
	bare  bool
}

func (t *flagText) String() string { return "" } // nothing to print as a default

func (t *flagText) Set(value string) error { t.flags.given[t.name] = value; return nil }

func (t *flagText) IsBoolFlag() bool { return t.bare }

// Read returns the configuration that the flags, the variables and the file make.
// Its error joins a *Problem for each value that is wrong.
func (f *Flags) Read(getenv func(string) string, use Use) (*Config, error) {
	c := &Config{from: map[string]string{}, use: use}
	var wrong problems
	var tenants []tenantEntry
	texts := map[string]string{}
	if path, where := f.value(configName, getenv); where != "" {
		c.from[configName] = where
		tenants = readFile(c, path, where, texts, &wrong)
	}
	for _, s := range settings {
		text, given := texts[s.name]
		if value, where := f.value(s.name, getenv); where != "" {
			text, c.from[s.name], given = value, where, true
		}
		if !given {
			text = s.preset
		}
		if !given && text == "" {
			continue
		}
		if err := s.set(c, text); err != nil {
			wrong.add(c.called(s.name), err.Error())
		}
	}
	c.setTenants(tenants, getenv, &wrong)
	if len(wrong) == 0 { // what is contradictory is clear only if each value is right
		c.check(getenv, &wrong)
	}
	if len(wrong) > 0 {
		wrong.hide(getenv(keyVariable), getenv(tokenVariable))
		return nil, wrong.err()
	}
	return c, nil
}

// value returns what a flag or its variable says, and what errors call it: "" if
// neither is there. An empty variable counts as one that is not set.
func (f *Flags) value(name string, getenv func(string) string) (value, where string) {
	if value, given := f.given[name]; given {
		return value, "--" + name
	}
	if value := getenv(variable(name)); value != "" {
		return value, variable(name)
	}
	return "", ""
}

// shown returns a value as errors repeat it. Whoever wrote it may have written
// anything.
func shown(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strconv.QuoteToASCII(text)
}

// indexed returns "tenants[2]".
func indexed(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }

// Names returns the names of the tenants.
func (c *Config) Names() []string {
	names := make([]string, len(c.Tenants))
	for i, t := range c.Tenants {
		names[i] = t.Name
	}
	return slices.Clip(names)
}
