package preset

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRecognize(t *testing.T) {
	for want, all := range map[string][][]string{
		"amplitude":   {{"amplitude_id", "event_time", "event_type", "user_id"}},
		"posthog":     {{"distinct_id", "event", "person_id", "properties", "timestamp", "uuid"}, {"distinct_id", "event", "elements_chain", "properties"}, {"distinct_id", "person_id", "person_version", "properties"}},
		"mixpanel":    {{"event", "properties"}, {"$distinct_id", "$properties"}},
		"segment":     {{"anonymousId", "context", "messageId", "type", "userId"}},
		"rudderstack": {{"anonymousId", "context", "messageId", "request_ip", "type", "userId"}},
		"":            {nil, {"event", "distinct_id", "timestamp", "properties"}, {"user_id", "created_at"}, {"context", "type"}},
	} {
		for _, names := range all {
			assert.Equal(t, want, Recognize(names), names)
		}
	}
}
