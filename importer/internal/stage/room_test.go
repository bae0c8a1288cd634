package stage

import (
	"context"
	"fmt"
	"testing"
	"time"

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

// A source of 4 TB is a view here: who began to sort it would be stopped by ctx.
func TestABuildAsksForRoomFirst(t *testing.T) {
	db := openSource(t, "SELECT 1 AS distinct_id")
	exec(t, db, `CREATE TABLE big AS SELECT repeat('x', 1 << 20) AS note; DROP TABLE source;
		CREATE VIEW source AS SELECT 'u' || range AS distinct_id, note FROM range(1 << 22), big`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := Build(ctx, db, &source.Source{Name: "data.csv"}, Options{})
	require.ErrorContains(t, err, "-temp")
}

func TestARowIsMeasured(t *testing.T) {
	sh := &shape{}
	require.Equal(t, fmt.Sprintf("(%d)::BIGINT", rowBytes), sh.bytes())
}
