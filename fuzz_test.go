package altertable_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each fuzz target of each module has seeds, whose names say why they are there.
func TestFuzzTargetsHaveSeeds(t *testing.T) {
	target := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	targets := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range target.FindAllSubmatch(text, -1) {
			targets++
			dir := filepath.Join(filepath.Dir(path), "testdata", "fuzz", string(found[1]))
			seeds, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, len(seeds), 3, dir)
			for _, seed := range seeds {
				assert.Regexp(t, `^[a-z0-9]*(_[a-z0-9]+)*$`, seed.Name(), dir)
				assert.NotRegexp(t, `^(nul|con|aux|prn|com\d|lpt\d)$`, seed.Name(), "a device on Windows")
				assert.NotRegexp(t, `^[0-9a-f]{16}$`, seed.Name(), "as the fuzzer has named it, in %s", dir)
			}
		}
		return nil
	}))
	assert.Greater(t, targets, 20)
}
