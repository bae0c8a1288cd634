package project

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// section runs the section vulnerabilities of .ci/run for one module, and returns
// what it says.
func section(t *testing.T, module, bin, database, long string) (string, error) {
	t.Helper()
	reads(t)
	command := exec.Command("bash", "-c", `set -euo pipefail
		linux_alone= built=yes
		. .ci/report.sh
		. .ci/checks.sh
		directories() { echo "$only"; }
		vulnerabilities
		echo "at the end: ${skipped:-all is checked}"`)
	command.Dir = root
	command.Env = append(os.Environ(), "only="+module, "bin="+bin, "long="+long, "GOVULNDB="+database, "GITHUB_ACTIONS=")
	output, err := command.CombinedOutput()
	return string(output), err
}

// database makes one of a single vulnerability of a package, in all versions of its
// module, and returns its URL.
func database(t *testing.T, module, pkg, symbol string) string {
	t.Helper()
	dir := t.TempDir()
	entry := fmt.Sprintf(`{"schema_version": "1.3.1", "id": "GO-2000-0001", "summary": "A vulnerability of a test",
		"modified": "2000-01-01T00:00:00Z", "published": "2000-01-01T00:00:00Z",
		"affected": [{"package": {"name": %q, "ecosystem": "Go"},
			"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
			"ecosystem_specific": {"imports": [{"path": %q, "symbols": [%q]}]}}],
		"database_specific": {"url": "https://pkg.go.dev/vuln/GO-2000-0001"}}`, module, pkg, symbol)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "GO-2000-0001.json"), []byte(entry), 0o600))
	return "file://" + dir
}

// caller makes a module that calls one function of uuid, and one of the standard
// library.
func caller(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/caller\n\ngo 1.25\n\nrequire github.com/google/uuid v1.6.0\n",
		"go.sum": file(t, "go.sum"),
		"main.go": "package main\n\nimport (\n\t\"os\"\n\n\t\"github.com/google/uuid\"\n)\n\n" +
			"func main() { os.Stdout.WriteString(uuid.Must(uuid.NewV7()).String()) }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestVulnerabilities(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the section runs on Linux alone")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "golang.org/x/vuln/cmd/govulncheck")
	build.Dir = filepath.Join(root, "tools")
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))

	module := caller(t)
	const uuid = "github.com/google/uuid"
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead { // which looks for the database
			http.Error(w, "no way out", http.StatusForbidden)
		}
	}))
	defer proxy.Close()

	tests := []struct {
		name, database, long string
		fails                bool
		says                 string
	}{
		{"of a dependency, called", database(t, uuid, uuid, "NewV7"), "", true, "Module: " + uuid},
		{"of a dependency, imported", database(t, uuid, uuid, "NewDCEGroup"), "", false, "at the end: all is checked"},
		{"of another module", database(t, "example.com/m", "example.com/m", "F"), "", false, "No vulnerabilities found."},
		{"of the standard library", database(t, "stdlib", "os", "File.WriteString"), "", false, "use a newer Go"},
		{"database out of reach", proxy.URL, "", false, "at the end:   known vulnerabilities: the database is out of reach"},
		{"database out of reach, once a week", proxy.URL, "yes", true, "403 Forbidden"},
		{"no database", "file://" + bin + "/none", "", true, "none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			said, err := section(t, module, bin, test.database, test.long)
			assert.Equal(t, test.fails, err != nil, said)
			assert.Contains(t, said, test.says)
		})
	}
}

// A report of a form that the script does not know fails.
func TestVulnerabilitiesOfAnUnknownForm(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the section runs on Linux alone")
	}
	const library = "Vulnerability #1: GO-1\n    A\n  Standard library\n"
	for report, fails := range map[string]bool{
		library:            false,
		library + library:  false,
		"":                 true,
		"2 are vulnerable": true,
		library + "Vulnerability #2: GO-2\n    B\n  Module: example.com/m\n": true,
		library + "  Module: example.com/m\n":                                true, // the same in both
		library + "Vulnerability #2: GO-2\n    B\n  In a module\n":           true,
	} {
		bin := t.TempDir()
		script := "#!/bin/sh\nprintf '" + strings.ReplaceAll(report, "\n", `\n`) + "'\nexit 3\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, "govulncheck"), []byte(script), 0o700))
		said, err := section(t, ".", bin, "", "")
		assert.Equal(t, fails, err != nil, said)
	}
}
