package frameworks

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	folder   = regexp.MustCompile(`\]\((\w+)\)`)
	codeSpan = regexp.MustCompile("`([^`]+)`")
)

// What the README says to write is what the services do.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var folders, spans int
	for line := range strings.Lines(string(readme)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		toWrite := cells[2]
		if len(cells) > 4 {
			toWrite += cells[3]
		}
		for _, link := range folder.FindAllStringSubmatch(cells[1], -1) {
			folders++
			source := sourceOf(t, link[1])
			for _, span := range codeSpan.FindAllStringSubmatch(toWrite, -1) {
				spans++
				if span[1] != "http.Server" {
					assert.Contains(t, source, span[1], "folder %s", link[1])
				}
			}
		}
	}
	assert.Equal(t, 18, folders, "folders in the tables")
	assert.Greater(t, spans, 30)
}

// sourceOf returns the code of a folder, without its tests.
func sourceOf(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	var source strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		source.Write(text)
	}
	require.NotEmpty(t, source.String(), folder)
	return source.String()
}
