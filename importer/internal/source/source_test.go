package source

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func loaded(t *testing.T, spec Spec) (*Source, *duck.DB) {
	t.Helper()
	s, err := Find(spec)
	require.NoError(t, err)
	db, err := duck.Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, s.Load(context.Background(), db))
	return s, db
}

func TestCSV(t *testing.T) {
	_, db := loaded(t, Spec{Paths: []string{write(t, "a.csv", "event,n\nsigned_up,1\n")}})
	var row int
	var event, n string
	require.NoError(t, db.QueryRow("SELECT _row, event, n FROM source").Scan(&row, &event, &n))
	require.Equal(t, []any{1, "signed_up", "1"}, []any{row, event, n})
}
