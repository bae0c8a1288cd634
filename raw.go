package altertable

import (
	"context"
	"encoding/json"
)

// A Raw is a message that is encoded already: a dead letter, an event of another SDK.
type Raw struct {
	Endpoint string // "track", "identify" or "alias"
	JSON     json.RawMessage
}

func (r Raw) encode(ctx context.Context, c *Client, e *envelope) (keep bool, err error) {
	return false, &ValidationError{"message", "is raw"}
}
