package message

import (
	"context"
	"errors"
	"log/slog"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// newCheck returns the client whose rules are those of the messages. It sends
// nothing.
func newCheck() *altertable.Client {
	client, err := altertable.New("none", altertable.WithDisabled(true), altertable.WithMaxBatchBytes(record.RequestBytes), altertable.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		panic(err) // the options are constants
	}
	return client
}

// refusal returns the reason why the SDK refuses a message, or "", and the field
// that it speaks of.
func (m *Mapper) refusal(endpoint string, message []byte) (field, reason string) {
	_, err := m.check.Encode(context.Background(), altertable.Raw{Endpoint: endpoint, JSON: message})
	return reasonOf(err)
}

func reasonOf(err error) (field, reason string) {
	var invalid *altertable.ValidationError
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &invalid):
		return invalid.Field, invalid.Field + " " + invalid.Reason
	}
	return "", tooLarge
}

// isNobody reports whether an optional id is one of those that the SDK leaves out,
// rather than lose the message.
func (m *Mapper) isNobody(id string) bool {
	_, err := m.check.Encode(context.Background(), altertable.Identify{DistinctID: "somebody", AnonymousID: id})
	return err == nil
}

// tooLarge is the reason of a message that no request can hold.
const tooLarge = "larger than 2 MiB"

const maxMessage = record.RequestBytes - len("[]")

// isTooLarge is for a message that the client adds its environment or a timestamp
// to, unless they are given.
func isTooLarge(size int, environment, timestamp bool) bool {
	if !environment {
		size += len(`"environment":"",`) + 64
	}
	if !timestamp {
		size += len(`,"timestamp":"2006-01-02T15:04:05.000000Z"`)
	}
	return size > maxMessage
}
