package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/preset"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

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
		return fmt.Errorf("-preset takes %s%s", strings.Join(presets(), ", "), not(c.preset))
	case c.to != "" && c.to != "local":
		return fmt.Errorf("-to takes local alone%s; another server's address is in ALTERTABLE_BASE_URL", not(c.to))
	case c.to != "" && c.dryRun:
		return errors.New("-dry-run sends nothing and -to local does: give one of them")
	case math.IsNaN(c.rate) || math.IsInf(c.rate, 0) || c.rate < 0:
		return wrongRate(strconv.FormatFloat(c.rate, 'g', -1, 64))
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

func wrongRate(value string) error {
	return fmt.Errorf("-rate takes a number of messages a second, such as 500%s", not(value))
}

func (c *config) checkKinds() error {
	switch c.as {
	case "", record.Track, record.Identify, record.Alias:
	default:
		return fmt.Errorf("-as takes track, identify or alias%s", not(c.as))
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
			return fmt.Errorf("-only takes users (who are identify and alias), events (which are track), identify, alias and track, with commas between%s", not(kind))
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
	return time.Time{}, fmt.Errorf("-%s takes a date such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z%s", name, not(text))
}

// mayBeKey matches what may be a key that stands in the wrong place.
var mayBeKey = regexp.MustCompile(`_|[0-9A-Za-z]{13}`)

// not names the value that a flag does not take, at the end of a sentence, unless it
// may be a secret.
func not(value string) string {
	value = strings.TrimSpace(value)
	if value == "" || mayBeKey.MatchString(value) {
		return ""
	}
	return ", not " + show.Text(value, 30)
}

func presets() []string {
	var names []string
	for _, p := range preset.All() {
		names = append(names, p.Name)
	}
	return names
}
