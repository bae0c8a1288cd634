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
// finds is kept.
func TestFuzzTargetsHaveSeeds(t *testing.T) {
	targets := map[string]bool{}
	for _, name := range files(t, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
		for _, match := range fuzzTarget.FindAllStringSubmatch(file(t, name), -1) {
			directory := path.Join(path.Dir(name), "testdata/fuzz", match[1])
			targets[directory] = true
			seeds, err := os.ReadDir(filepath.Join(root, directory))
			require.NoError(t, err, "%s has no seed", match[1])
			require.NotEmpty(t, seeds, "%s has no seed", match[1])
			for _, seed := range seeds {
				assert.True(t, strings.HasPrefix(file(t, path.Join(directory, seed.Name())), "go test fuzz v1\n"), "%s/%s", directory, seed.Name())
			}
		}
	}
	for _, name := range files(t, func(name string) bool { return strings.Contains(name, "testdata/fuzz/") }) {
		assert.True(t, targets[path.Dir(name)], "%s is the seed of no target", name)
	}
}
