package stage

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestColumnsOfTextThatAreNumbers(t *testing.T) {
	db := openSource(t, `SELECT * FROM (VALUES
		('u1', '1', '007', 'true', '5', NULL, '', '1e5', '1234567890123456', '123456789012345.5'),
		('u2', '-2.5', '8', 'false', 'x', NULL, NULL, '3', '3', '3')) v(distinct_id, a, zip, b, c, d, e, f, g, h)`)
	s, err := Build(context.Background(), db, &source.Source{Name: "a.csv", Text: true}, Options{})
	require.NoError(t, err)
	numeric := map[string]bool{}
	for _, c := range s.Columns {
		numeric[c.Name] = c.Numeric
	}
	assert.Equal(t, map[string]bool{"distinct_id": false, "a": true, "zip": false, "b": true, "c": false, "d": false, "e": false, "f": false, "g": false, "h": true}, numeric)
	message := string(read(t, s, 0)[1].Message)
	assert.Contains(t, message, `"a":-2.5`)
	assert.Contains(t, message, `"zip":"8"`)
}

func TestColumnsWithTypesKeepThem(t *testing.T) {
	s := build(t, "SELECT 'u1' AS distinct_id, '5' AS a", Options{})
	assert.Contains(t, string(read(t, s, 0)[0].Message), `"a":"5"`)
}

// TestWideText has more columns than DuckDB's expressions may be deep, and a
// machine for the pattern of each would take gigabytes.
func TestWideText(t *testing.T) {
	const wide = 1100
	columns := make([]string, wide)
	for i := range columns {
		columns[i] = fmt.Sprintf("'%d' AS p%d", i, i)
	}
	db := openSource(t, "SELECT 'u1' AS distinct_id, "+strings.Join(columns, ", "))
	s, err := Build(context.Background(), db, &source.Source{Name: "a.csv", Text: true}, Options{})
	require.NoError(t, err)
	assert.Contains(t, string(read(t, s, 0)[0].Message), `"p1099":1099}`)
}
