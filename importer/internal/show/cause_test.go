package show_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

func TestCause(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	_, opened := os.Open(none)
	for name, err := range map[string]error{
		"opened":  opened,
		"renamed": os.Rename(none, none+"2"),
		"wrapped": fmt.Errorf("wrapped: %w", opened),
	} {
		cause := show.Cause(err)
		assert.ErrorIs(t, cause, os.ErrNotExist, name)
		assert.NotContains(t, cause.Error(), none, name)
	}
	other := errors.New("another error")
	assert.Equal(t, other, show.Cause(other))
}
