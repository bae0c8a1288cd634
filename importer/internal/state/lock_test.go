package state

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnotherImportRuns(t *testing.T) {
	path := newPath(t)
	first := mustOpen(t, path, about)
	for range 3 {
		_, err := Open(path, about)
		require.EqualError(t, err, path+" is in use: another import runs on it; wait for its end, or name another file with -state")
	}
	link := path + "-link"
	if os.Symlink(path, link) == nil {
		_, err := Open(link, about)
		require.ErrorContains(t, err, "is in use")
	}
	require.NoError(t, first.Close())
	require.NoError(t, mustOpen(t, path, about).Close())
}

func TestManyOpenAtOnce(t *testing.T) {
	path := newPath(t)
	results := make(chan bool)
	inside := make(chan struct{}, 1) // holds at most one
	for range 8 {
		go func() {
			ok := true
			for range 50 {
				s, err := Open(path, about)
				if err != nil {
					continue
				}
				select {
				case inside <- struct{}{}:
				default:
					ok = false // somebody else is
				}
				<-inside
				ok = s.Close() == nil && ok
			}
			results <- ok
		}()
	}
	for range 8 {
		assert.True(t, <-results, "two had the lock")
	}
}
