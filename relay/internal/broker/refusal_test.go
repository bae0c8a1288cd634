package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
)

func TestWhatARefusalMeans(t *testing.T) {
	refused := func(code jetstream.ErrorCode, text string) error {
		return fmt.Errorf("publish: %w", &jetstream.APIError{Code: 503, ErrorCode: code, Description: text})
	}
	for name, c := range map[string]struct {
		err            error
		full, tooLarge bool
	}{
		"nothing":                    {},
		"over max_payload":           {err: nats.ErrMaxPayload, tooLarge: true},
		"over the stream's size":     {err: refused(10054, "message size exceeds maximum allowed"), tooLarge: true},
		"the stream is full":         {err: refused(10077, "maximum bytes exceeded"), full: true},
		"the disk is full":           {err: refused(10077, "write 1.blk: no space left on device"), full: true},
		"another error of the store": {err: refused(10077, "raft: closed")},
		"the account":                {err: refused(10002, "resource limits exceeded for account"), full: true},
		"the server":                 {err: refused(10023, "insufficient resources"), full: true},
		"memory":                     {err: refused(10028, "insufficient memory resources available"), full: true},
		"storage":                    {err: refused(10047, "insufficient storage resources available"), full: true},
		"for now":                    {err: refused(10008, "JetStream system temporarily unavailable")},
		"no answer":                  {err: context.DeadlineExceeded},
		"another error":              {err: errors.New("maximum")},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.full, IsFull(c.err))
			assert.Equal(t, c.tooLarge, IsTooLarge(c.err))
		})
	}
}
