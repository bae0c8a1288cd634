package broker

import (
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Error codes of JetStream that nats.go has no names for.
const (
	codeAccountResources = 10002
	codeNoResources      = 10023
	codeNoMemory         = 10028
	codeNoStorage        = 10047
	codeTooLarge         = 10054
	codeStoreFailed      = 10077 // its description says why
)

// IsTooLarge reports whether the broker did not store a message since it is larger
// than the server or the stream takes.
func IsTooLarge(err error) bool {
	return errors.Is(err, nats.ErrMaxPayload) || codeOf(err) == codeTooLarge
}

// IsFull reports whether the broker did not store a message since the stream, the
// account or the disk has no room.
func IsFull(err error) bool {
	switch codeOf(err) {
	case codeAccountResources, codeNoResources, codeNoMemory, codeNoStorage:
		return true
	case codeStoreFailed:
		return strings.Contains(err.Error(), "maximum") || strings.Contains(err.Error(), "no space")
	}
	return false
}

// codeOf returns the code of a refusal, 0 of another error.
func codeOf(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}
