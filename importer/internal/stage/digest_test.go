package stage

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func digest(t testing.TB, s *Stage, position int64) string {
	t.Helper()
	d, err := s.Digest(context.Background(), position)
	require.NoError(t, err)
	return d
}

func TestADigestIsThatOfTheContent(t *testing.T) {
	query := fmt.Sprintf(fewInstants, 5000)
	s := build(t, query, Options{})
	whole := digest(t, s, s.Messages)
	again := build(t, query, Options{})
	assert.Equal(t, whole, digest(t, again, again.Messages))
	assert.Equal(t, digest(t, s, 100), digest(t, again, 100))
	assert.NotEqual(t, whole, digest(t, s, s.Messages-1))
	assert.NotEmpty(t, s.Engine)

	for name, changed := range map[string]string{
		"a value": "SELECT * REPLACE (CASE WHEN _row = 4999 THEN 'u9' ELSE distinct_id END AS distinct_id) FROM (" + query + ")",
		"a time":  "SELECT * REPLACE (CASE WHEN _row = 4999 THEN timestamp + INTERVAL 1 MICROSECOND ELSE timestamp END AS timestamp) FROM (" + query + ")",
		"a row":   query + " OFFSET 1",
		"a NULL":  "SELECT * REPLACE (CASE WHEN _row <> 4999 THEN distinct_id END AS distinct_id) FROM (" + query + ")",
	} {
		t.Run(name, func(t *testing.T) {
			other := build(t, changed, Options{})
			assert.NotEqual(t, whole, digest(t, other, other.Messages))
		})
	}
	longer := build(t, query+" UNION ALL SELECT 5001, 'new', 'u', TIMESTAMP '2027-01-01'", Options{})
	assert.Equal(t, whole, digest(t, longer, s.Messages), "what is later leaves the rows before as they are")
}

func TestADigestSeesTheOrder(t *testing.T) {
	const two = "SELECT * FROM (VALUES ('u1', 'a'), ('u2', 'b')) v(distinct_id, plan)"
	s, other := build(t, two, Options{}), build(t, two+" ORDER BY plan DESC", Options{})
	assert.NotEqual(t, digest(t, s, 2), digest(t, other, 2))
}

func TestADigestSeesTheTime(t *testing.T) {
	s, other := build(t, "SELECT 'u1' AS distinct_id, 1 AS timestamp", Options{}), build(t, "SELECT 'u1' AS distinct_id, 2 AS timestamp", Options{})
	assert.NotEqual(t, digest(t, s, 1), digest(t, other, 1))
}
