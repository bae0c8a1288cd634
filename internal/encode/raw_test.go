package encode

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncoderMakesInvalidUTF8OfRawJSONValid(t *testing.T) {
	got, err := encode(json.RawMessage("\"a\xffb\""))
	require.NoError(t, err)
	assert.Equal(t, `"a\ufffdb"`, got)
	got, err = encode(garbled{})
	require.NoError(t, err)
	assert.Equal(t, `"a\ufffdb"`, got)
}

type garbled struct{}

func (garbled) MarshalJSON() ([]byte, error) { return []byte("\"a\xffb\""), nil }
