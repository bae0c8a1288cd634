package duck

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuote(t *testing.T) {
	assert.Equal(t, `'it''s'`, Quote("it's"))
	assert.Equal(t, `"a ""b"""`, Name(`a "b"`))
}
