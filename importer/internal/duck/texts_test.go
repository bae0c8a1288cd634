package duck

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTexts(t *testing.T) {
	db, err := Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	all, err := Texts(t.Context(), db, "SELECT 'a' || i FROM range(?) t(i) ORDER BY i", 3)
	require.NoError(t, err)
	assert.Equal(t, []string{"a0", "a1", "a2"}, all)
	all, err = Texts(t.Context(), db, "SELECT 'a' WHERE false")
	require.NoError(t, err)
	assert.Empty(t, all)
	for _, query := range []string{"SELECT missing", "SELECT NULL"} {
		_, err = Texts(t.Context(), db, query)
		assert.Error(t, err, query)
	}
}
