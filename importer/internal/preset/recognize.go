package preset

// marks are names of columns, or of members of JSON, that only one tool's export
// has beside one another. The first that fits counts.
var marks = []struct {
	preset string
	names  []string
}{
	{"amplitude", []string{"amplitude_id", "event_type"}},
	{"amplitude", []string{"event_type", "event_time", "event_properties"}},
	{"amplitude", []string{"amplitude_id", "merged_amplitude_id"}},
	{"posthog", []string{"event", "distinct_id", "properties", "person_id"}},
	{"posthog", []string{"distinct_id", "properties", "person_id", "person_version"}},
	{"posthog", []string{"event", "distinct_id", "properties", "elements_chain"}},
	{"posthog", []string{"event", "distinct_id", "properties", "elements", "team_id"}},
	{"mixpanel", []string{"$distinct_id", "$properties"}},
	{"mixpanel", []string{"event_name", "distinct_id", "insert_id", "properties"}},
	{"mixpanel", []string{"results", "page", "page_size", "session_id"}},
	{"rudderstack", []string{"messageId", "type", "request_ip"}},
	{"rudderstack", []string{"messageId", "type", "rudderId"}},
	{"rudderstack", []string{"id", "received_at", "context_destination_id"}},
	{"segment", []string{"anonymousId", "messageId", "context", "type"}},
	{"segment", []string{"userId", "messageId", "originalTimestamp", "type"}},
	{"segment", []string{"userId", "messageId", "receivedAt", "type"}},
	{"segment", []string{"id", "received_at", "event", "event_text"}},
	{"segment", []string{"id", "received_at", "uuid_ts"}},
}

// Recognize returns the preset for which the names of a source's columns or members
// speak, in any case, or "". It is for advice: another export may have the same names.
func Recognize(names []string) string {
	have := named(names)
	for _, m := range marks {
		if have.all(m.names) {
			return m.preset
		}
	}
	if have.all([]string{"event", "properties"}) && !have.any("distinct_id", "timestamp") {
		return "mixpanel" // which has all else within properties
	}
	return ""
}

// Instead returns the preset for which the names speak where it is another one
// than the given one, or "". The calls of RudderStack can be those of Segment to
// the letter, and its preset reads both.
func Instead(given string, names []string) string {
	other := Recognize(names)
	if other == given || given == "rudderstack" && other == "segment" {
		return ""
	}
	return other
}
