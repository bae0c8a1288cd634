package stage

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestASortThatHasNoRoomIsNotBegun(t *testing.T) {
	db := openSource(t, "SELECT 'u' || range AS distinct_id FROM range(10)")
	sh, err := describe(context.Background(), db, &source.Source{}, Options{})
	require.NoError(t, err)
	s := &Stage{db: db, shape: sh}
	require.NoError(t, s.reserve(context.Background(), 10))
	require.ErrorContains(t, s.reserve(context.Background(), 1<<50), "-temp")
}

func TestARowIsMeasured(t *testing.T) {
	sh := &shape{}
	require.Equal(t, fmt.Sprintf("(%d)::BIGINT", rowBytes), sh.bytes())
}
