package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A section of the changelog is about one version.
type section struct {
	title string // as it is written, without the marks
	lines []string
}

// kinds are the headings of changes that Keep a Changelog has.
var kinds = []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

const changelog = "CHANGELOG.md"

func (t *tree) checkChangelog() error {
	text, err := t.read(changelog)
	if os.IsNotExist(err) {
		t.problem("%s: is missing; keepachangelog.com tells its format.", changelog)
		return nil
	}
	if err != nil {
		return err
	}
	version := strings.TrimPrefix(t.version, "v")
	sections := split(text)
	unreleased := slices.IndexFunc(sections, func(s section) bool { return strings.EqualFold(s.name(), "unreleased") })
	this := slices.IndexFunc(sections, func(s section) bool { return s.name() == version })
	switch {
	case this < 0 && unreleased >= 0 && sections[unreleased].holds():
		t.problem("%s: says %q where the version has to be; make the heading: ## [%s] - %s", changelog,
			sections[unreleased].title, version, today())
		return nil
	case this < 0:
		t.problem("%s: has no heading for the version; write: ## [%s] - %s", changelog, version, today())
		return nil
	case unreleased >= 0 && sections[unreleased].holds():
		t.problem("%s: Unreleased is not empty; move what is there to %s.", changelog, version)
	}
	t.checkSection(sections[this])
	before := slices.IndexFunc(sections, func(s section) bool { return s.name() != version && !strings.EqualFold(s.name(), "unreleased") })
	if before >= 0 && before < this {
		t.problem("%s: %q is above %s; the newest version is the first.", changelog, sections[before].title, version)
	}
	return nil
}

// checkSection looks at the section of the version that is to be released.
func (t *tree) checkSection(s section) {
	_, date, _ := strings.Cut(s.title, " - ")
	date, _, _ = strings.Cut(date, " ")
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		t.problem("%s: the heading %q has no date; make it: ## [%s] - %s", changelog, s.title, s.name(), today())
	}
	if !s.holds() {
		t.problem("%s: nothing is said about %s; say what changed.", changelog, s.name())
	}
	for _, line := range s.lines {
		if kind, ok := strings.CutPrefix(line, "### "); ok && !slices.Contains(kinds, strings.TrimSpace(kind)) {
			t.problem("%s: %q is no heading of Keep a Changelog; it has %s.", changelog, line, strings.Join(kinds, ", "))
		}
	}
}

func today() string { return time.Now().Format(time.DateOnly) }

// split returns the sections of a changelog, without what is above the first.
func split(text string) []section {
	var sections []section
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		if title, ok := strings.CutPrefix(line, "## "); ok {
			sections = append(sections, section{title: strings.TrimSpace(title)})
		} else if len(sections) > 0 {
			last := &sections[len(sections)-1]
			last.lines = append(last.lines, line)
		}
	}
	return sections
}

// name returns the version that the section is about, or Unreleased.
func (s section) name() string {
	name, _, _ := strings.Cut(s.title, " ")
	return strings.Trim(name, "[]")
}

// definition is a line that says where a name in brackets leads.
var definition = regexp.MustCompile(`^\[[^\]]+\]: `)

// holds reports whether the section has more than headings.
func (s section) holds() bool {
	return slices.ContainsFunc(s.lines, func(line string) bool {
		return line != "" && !strings.HasPrefix(line, "#") && !definition.MatchString(line)
	})
}
