package preset

import "slices"

// marks are names of columns, or of members of JSON, that only one tool's export
// has beside one another. The first that fits counts.
var marks = []struct {
	preset string
	names  []string
}{
	{"amplitude", []string{"amplitude_id", "event_type"}},
	{"posthog", []string{"event", "distinct_id", "properties", "person_id"}},
	{"posthog", []string{"distinct_id", "properties", "person_id", "person_version"}},
	{"posthog", []string{"event", "distinct_id", "properties", "elements_chain"}},
	{"mixpanel", []string{"$distinct_id", "$properties"}},
	{"rudderstack", []string{"anonymousId", "messageId", "context", "type", "request_ip"}},
	{"rudderstack", []string{"anonymousId", "messageId", "context", "type", "rudderId"}},
	{"segment", []string{"anonymousId", "messageId", "context", "type"}},
}

// Recognize returns the preset for which the names of a source's columns or members
// speak, or "". It is for advice: another export may have the same names.
func Recognize(names []string) string {
	for _, m := range marks {
		if !slices.ContainsFunc(m.names, func(name string) bool { return !slices.Contains(names, name) }) {
			return m.preset
		}
	}
	if slices.Contains(names, "event") && slices.Contains(names, "properties") &&
		!slices.Contains(names, "distinct_id") && !slices.Contains(names, "timestamp") {
		return "mixpanel" // which has all else within properties
	}
	return ""
}
