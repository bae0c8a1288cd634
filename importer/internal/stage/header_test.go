package stage

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestNoHeader(t *testing.T) {
	for header, want := range map[string]bool{
		"signed_up,ada@example.com,2026-01-01": true, "signed_up,ada@example.com": true, "u_1,19.5": true, "page,2026-01-01T10:00:00Z": true, "page,01.02.2026": true,
		"signup,0193ad10-1111-4222-8333-444455556666": true, "page,-5": true, "page,17": true, "page,1/2/2026 10:00": true,
		"a,b": false, "user_id,2024-01-01": false, "Event,5": false, "a,column_2": false, "a,v2": false, "@a,b": false,
	} {
		names := strings.Split(header, ",")
		for i, name := range names {
			names[i] = "'x' AS " + duck.Name(name)
		}
		_, err := Build(context.Background(), openSource(t, "SELECT 1 AS _row, 'a' AS _file, "+strings.Join(names, ", ")), &source.Source{Name: "a.csv", Text: true}, Options{As: record.Alias})
		require.Error(t, err)
		assert.Equal(t, want, strings.Contains(err.Error(), "has no header"), header)
		for _, name := range strings.Split(header, ",") {
			assert.NotEqual(t, want, strings.Contains(err.Error(), name), "%s in %s", name, err)
		}
	}
}
