package source

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func TestStretch(t *testing.T) {
	var s stretch
	var sizes []int
	var most int64
	for range 3 * duck.RowsInMemory {
		sizes = append(sizes, rand.IntN(2<<20))
		s.add(sizes[len(sizes)-1])
		var sum int64
		for _, size := range sizes[max(0, len(sizes)-duck.RowsInMemory):] {
			sum += int64(size)
		}
		most = max(most, sum)
		assert.Equal(t, most, s.most)
	}
}
