package stage

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// data matches what is a value and not the name of a column: an e-mail address, a
// number, a date or a time, a UUID.
var data = regexp.MustCompile(`^(?:[^@\s]+@[^@\s]+\.[^@\s]+|[+-]?\d[\d.,]*|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?|[[:xdigit:]]{8}(?:-[[:xdigit:]]{4}){3}-[[:xdigit:]]{12})$`)

// isData reports whether the names of columns are rather the first row of a file
// without a header: no name says anything here, and one is a value.
func isData(names []string) bool {
	return !slices.ContainsFunc(names, isKnown) && slices.ContainsFunc(names, data.MatchString)
}

// isKnown reports whether a name means something, or nearly does.
func isKnown(name string) bool {
	if role := roleOf(name); role != message.Other {
		return role != message.Number && role != message.File
	}
	for _, names := range near {
		if slices.Contains(names, plain(name)) {
			return true
		}
	}
	return false
}

// NoHeader is an error if the columns of a CSV file are rather its first row. It names
// none: those are values of somebody.
func NoHeader(s *source.Source, columns []string) error {
	if !s.Text || !isData(columns) {
		return nil
	}
	return fmt.Errorf("%s has no header, as it seems: where the names of the columns should be, there are values. Write a first line with the names, in the order of the columns, as in event,distinct_id,timestamp", s.Name)
}
