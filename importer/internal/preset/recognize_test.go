package preset

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRecognize(t *testing.T) {
	for want, all := range map[string][][]string{
		"amplitude": {
			{"amplitude_id", "event_time", "event_type", "user_id"}, {"AMPLITUDE_ID", "EVENT_TYPE"},
			{"amplitude_id", "merge_time", "merged_amplitude_id", "scope"},
		},
		"posthog": {{"distinct_id", "event", "person_id", "properties", "timestamp", "uuid"}, {"distinct_id", "event", "elements_chain", "properties"},
			{"uuid", "event", "properties", "elements", "set", "set_once", "distinct_id", "team_id", "ip", "site_url", "timestamp"}, {"distinct_id", "person_id", "person_version", "properties"}},
		"mixpanel": {
			{"event", "properties"}, {"$distinct_id", "$properties"}, {"page", "page_size", "results", "session_id", "status"},
			{"device_id", "distinct_id", "event_name", "insert_id", "properties", "time", "user_id"},
		},
		"segment": {
			{"anonymousId", "context", "messageId", "type", "userId"}, {"messageId", "receivedAt", "type", "userId"},
			{"id", "anonymous_id", "event", "event_text", "received_at"}, {"id", "email", "received_at", "uuid_ts"},
		},
		"rudderstack": {
			{"anonymousId", "context", "messageId", "request_ip", "type", "userId"}, {"messageId", "rudderId", "type"},
			{"id", "anonymous_id", "email", "received_at", "context_destination_id", "uuid_ts"},
		},
		"": {nil, {"id", "user_id", "received_at"}, {"event", "distinct_id", "timestamp", "properties"}, {"user_id", "created_at"}, {"context", "type"}},
	} {
		for _, names := range all {
			assert.Equal(t, want, Recognize(names), names)
		}
	}
}

func TestInstead(t *testing.T) {
	calls := []string{"anonymousId", "context", "messageId", "type"}
	assert.Equal(t, "segment", Instead("posthog", calls))
	assert.Empty(t, Instead("segment", calls))
	assert.Empty(t, Instead("rudderstack", calls), "RudderStack's calls can be the same")
	assert.Equal(t, "rudderstack", Instead("segment", append(calls, "request_ip")))
	assert.Empty(t, Instead("segment", []string{"a"}))
}
