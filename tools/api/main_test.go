package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/tools/internal/repotest"
)

func TestRun(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	root := repotest.New(t, map[string]string{
		"go.mod": "module example.com/p\n\ngo 1.25\n",
		"p.go":   "package p\n\nfunc F() {}\nfunc G() {}\n",
	})
	try := func(renew bool) (bool, string) {
		var out strings.Builder
		same, err := run(&out, root, renew)
		require.NoError(t, err)
		return same, out.String()
	}
	same, _ := try(true)
	assert.True(t, same)
	same, said := try(false)
	assert.True(t, same)
	assert.Equal(t, "The API is that of the snapshots.\n", said)

	repotest.Write(t, root, "p.go", "package p\n\nfunc F(int) {}\nfunc H() {}\n")
	want := `Incompatible changes, which break callers' code and are named in CHANGELOG.md:
- p.F: changed from func() to func(int)
- p.G: removed
Compatible changes:
- p.H: added

`
	same, said = try(false)
	assert.False(t, same)
	assert.Equal(t, want+"If this is meant, renew the snapshots, and commit them: go run -C tools ./api -write\n", said)
	same, said = try(true)
	assert.True(t, same)
	assert.Equal(t, want+"The snapshots are renewed.\n", said)
	same, _ = try(false)
	assert.True(t, same)
}

func TestRunOutsideOfARepository(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	_, err := run(&strings.Builder{}, t.TempDir(), false)
	assert.Error(t, err)
}
