package duck

import (
	"context"
	"errors"
	"testing"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSentence(t *testing.T) {
	db, err := Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for query, want := range map[string]string{
		"SELECT * FROM nowhere":                    "Table with name nowhere does not exist!",
		"SELECT 'it''s \"secret\" x'::INT":         "Could not convert string '...' to INT32",
		"SELECT FROM":                              "syntax error at end of input",
		"SELECT strptime('secret', '%Y')":          "Could not parse string '...'",
		"SELECT 1 +\n  missing FROM range(1) t(a)": `Referenced column "missing" not found in FROM clause!`,
	} {
		_, err := db.Exec(query)
		require.Error(t, err)
		sentence := Sentence(err)
		assert.Contains(t, sentence, want)
		assert.NotContains(t, sentence, "LINE")
		assert.NotContains(t, sentence, "\n")
		assert.NotContains(t, sentence, "secret")
		assert.NotContains(t, sentence, "Error:")
	}
	assert.Equal(t, "its rows are too large, or have too many columns, for the memory that an import uses", Sentence(&duckdb.Error{Type: duckdb.ErrorTypeOutOfMemory, Msg: "failed to pin block"}))
	assert.Equal(t, "another error", Sentence(errors.New("another\nerror")))
}

func TestQuote(t *testing.T) {
	assert.Equal(t, `'it''s'`, Quote("it's"))
	assert.Equal(t, `"a ""b"""`, Name(`a "b"`))
}
