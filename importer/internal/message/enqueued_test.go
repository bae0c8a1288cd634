package message_test

import (
	"database/sql/driver"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
)

// TestEnqueuedIsRefusedByTheClient leaves to Enqueue what it refuses, with the
// same words and the same message.
func TestEnqueuedIsRefusedByTheClient(t *testing.T) {
	p := newPlatform(t)
	columns := []message.Column{col("event", message.Event), col("distinct_id", message.DistinctID), col("anonymous_id", message.AnonymousID), col("timestamp", message.Timestamp)}
	for name, values := range map[string][]driver.Value{
		"reserved":   {"signed_up", "undefined", nil, at},
		"blank":      {"signed_up", " ", nil, at},
		"blank name": {" ", "u1", nil, at},
	} {
		t.Run(name, func(t *testing.T) {
			looked := mapped(columns, message.Options{As: "track"}, values...)
			left := mapped(columns, message.Options{As: "track", Enqueued: true}, values...)
			require.NotEmpty(t, looked.Reason)
			assert.Empty(t, left.Reason)
			assert.Equal(t, string(looked.Message), string(left.Message))
			err := p.client.Enqueue(t.Context(), altertable.Raw{Endpoint: left.Endpoint, JSON: left.Message}, nil)
			assert.EqualError(t, err, "altertable: Enqueue: "+looked.Reason)
		})
	}
	good := mapped(columns, message.Options{As: "track", Enqueued: true}, "signed_up", "u1", "undefined", at)
	p.assertTaken(good)
	assert.NotContains(t, string(good.Message), "anonymous_id", "the message is not lost with an id that identifies nobody")
}
