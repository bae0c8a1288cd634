package server

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Few large results are held at a time, however slowly they are read; small ones
// are answered meanwhile.
func TestLargeResultsWait(t *testing.T) {
	r := startLocal(t, Config{})
	const large = "SELECT repeat('x', 2000000)"
	readers, read := context.WithCancel(t.Context())
	defer read()
	for range maxLarge {
		_, err := r.database.query(readers, large)
		require.NoError(t, err)
	}
	answered := make(chan error, 1)
	asker, leave := context.WithCancel(t.Context())
	defer leave()
	go func() {
		_, err := r.database.query(asker, large)
		answered <- err
	}()
	assert.JSONEq(t, `[[1]]`, r.rows("SELECT 1"))
	select {
	case err := <-answered:
		t.Fatal("it did not wait: ", err)
	default:
	}
	assert.Len(t, r.database.large, maxLarge)
	read()
	require.NoError(t, <-answered)
}
