package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files writes files, each name followed by its content, and returns their
// directory.
func files(t *testing.T, namesAndContents ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(namesAndContents); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, namesAndContents[i]), []byte(namesAndContents[i+1]), 0o600))
	}
	return dir
}

func file1(t *testing.T, name, content string) string {
	return filepath.Join(files(t, name, content), name)
}

func gzipped(t *testing.T, content string) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.String()
}

func zstded(t *testing.T, content string) string {
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer func() { _ = z.Close() }()
	return string(z.EncodeAll([]byte(content), nil))
}

func database(t *testing.T) *duck.DB {
	t.Helper()
	db, err := duck.Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func load1(t *testing.T, spec Spec) (*Source, *duck.DB) {
	t.Helper()
	s, err := Find(spec)
	require.NoError(t, err)
	db := database(t)
	require.NoError(t, s.Load(context.Background(), db))
	return s, db
}

// failure is the sentence of Find, or of Load.
func failure(t *testing.T, spec Spec) string {
	t.Helper()
	s, err := Find(spec)
	if err == nil {
		err = s.Load(context.Background(), database(t))
	}
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
	return err.Error()
}

// rows are those of a query, with values parted by |.
func rows(t *testing.T, db *duck.DB, query string) []string {
	t.Helper()
	result, err := db.QueryContext(context.Background(), query)
	require.NoError(t, err)
	defer func() { _ = result.Close() }()
	names, err := result.Columns()
	require.NoError(t, err)
	all := []string{}
	for result.Next() {
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, result.Scan(values...))
		texts := make([]string, len(names))
		for i, v := range values {
			if text := *v.(*any); text == nil {
				texts[i] = "NULL"
			} else {
				texts[i] = fmt.Sprint(text)
			}
		}
		all = append(all, strings.Join(texts, "|"))
	}
	require.NoError(t, result.Err())
	return all
}

func columnsOf(t *testing.T, db *duck.DB) string {
	t.Helper()
	var names sql.NullString
	require.NoError(t, db.QueryRow("SELECT string_agg(column_name, ',') FROM (DESCRIBE source)").Scan(&names))
	return names.String
}
