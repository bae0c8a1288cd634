package metrics

import "strconv"

// other stands for each value that a label does not know.
const other = "other"

// values are those that a label can have: the last is "other".
type values []string

// The values of all labels except tenant.
var (
	endpoints = values{"track", "identify", "alias", other}
	consumers = values{"events", "identify-0", other}
	reasons   = values{"unauthorized", "environment-not-found", "refused", other}
	deadCodes = values{"400", "413", "422", "insert-failed", "identify-failed", "alias-failed",
		"invalid", "too-large", other}

	frontStatuses = newStatuses("200", "204", "400", "401", "403", "404", "405", "408", "413", "415", "422", "429", "500", "503", "504")
	apiStatuses   = newStatuses("none", "200", "400", "401", "403", "404", "413", "422", "429", "500", "502", "503", "504")
)

// index returns where the value is. The lists are short, so a search is faster than a map.
func (v values) index(value string) int {
	for i, known := range v {
		if known == value {
			return i
		}
	}
	return len(v) - 1
}

// statuses are the values of a label status.
type statuses struct {
	values
	at [600]int8 // of each status; 0 is no answer
}

// newStatuses returns the values named, and "other". "none" is status 0.
func newStatuses(named ...string) *statuses {
	s := &statuses{values: append(named, other)}
	for status := range s.at {
		name := strconv.Itoa(status)
		if status == 0 {
			name = "none"
		}
		s.at[status] = int8(s.values.index(name))
	}
	return s
}

func (s *statuses) index(status int) int {
	if status < 0 || status >= len(s.at) {
		return len(s.values) - 1
	}
	return int(s.at[status])
}
