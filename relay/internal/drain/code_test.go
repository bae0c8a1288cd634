package drain

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	altertable "github.com/altertable-ai/altertable-go"
)

func TestCodeOf(t *testing.T) {
	for want, err := range map[string]error{
		"invalid-event": fmt.Errorf("refused: %w", &altertable.APIError{StatusCode: 422, Code: "invalid-event"}),
		"413":           &altertable.APIError{StatusCode: 413},
		"too-large":     fmt.Errorf("event: %w", altertable.ErrTooLarge),
		"invalid":       errors.New("anything else"),
	} {
		assert.Equal(t, want, CodeOf(err))
	}
}
