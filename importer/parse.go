package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

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
		_, value, _ := strings.Cut(text, `invalid value "`)
		value, _, _ = strings.Cut(value, `"`)
		return wrongRate(value)
	}
	if _, name, found := strings.Cut(text, "boolean value "); found {
		_, name, _ = strings.Cut(name, "for -")
		name, _, _ = strings.Cut(name, ":")
		return fmt.Errorf("-%s takes no value, or =true or =false", name)
	}
	return errors.New("a flag has a value that it does not take: -h lists them")
}
