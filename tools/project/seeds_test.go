package project

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// Seeds in files run with every go test, and are where a failure that fuzzing
// finds is kept. Their names say why they are there.
func TestFuzzTargetsHaveSeeds(t *testing.T) {
	targets := map[string]bool{}
	for _, name := range files(t, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
		for _, match := range fuzzTarget.FindAllStringSubmatch(file(t, name), -1) {
			directory := path.Join(path.Dir(name), "testdata/fuzz", match[1])
			targets[directory] = true
			seeds, err := os.ReadDir(filepath.Join(root, directory))
			require.NoError(t, err, "%s has no seed", match[1])
			assert.GreaterOrEqual(t, len(seeds), 3, directory)
			for _, seed := range seeds {
				assert.Regexp(t, `^[a-z0-9]+(_[a-z0-9]+)*$`, seed.Name(), directory)
				assert.NotRegexp(t, `^(nul|con|aux|prn|com\d|lpt\d)$`, seed.Name(), "a device on Windows")
				assert.NotRegexp(t, `^[0-9a-f]{16}$`, seed.Name(), "as the fuzzer has named it, in %s", directory)
				assert.True(t, strings.HasPrefix(file(t, path.Join(directory, seed.Name())), "go test fuzz v1\n"), "%s/%s", directory, seed.Name())
			}
		}
	}
	for _, name := range files(t, func(name string) bool { return strings.Contains(name, "testdata/fuzz/") }) {
		assert.True(t, targets[path.Dir(name)], "%s is the seed of no target", name)
	}
}
