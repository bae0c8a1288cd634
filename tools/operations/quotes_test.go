package operations

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	readmeFile = "../../README.md"
	scrapeFile = "../../telemetry/prometheus/testdata/scrape.txt"
)

// blocks returns the code of text's blocks in the language, without indentation.
func blocks(text, language string) []string {
	var found []string
	inside, wanted := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		fence, ok := strings.CutPrefix(line, "```")
		switch {
		case ok && !inside:
			inside, wanted = true, fence == language
			if wanted {
				found = append(found, "")
			}
		case ok:
			inside, wanted = false, false
		case wanted:
			found[len(found)-1] += line + "\n"
		}
	}
	return found
}

// The root module compiles blocks of "go". Those that import nested modules are
// of "golang", and are compiled here.
func TestCodeOfNestedModulesCompiles(t *testing.T) {
	var compiled strings.Builder
	for line := range strings.Lines(read(t, "setup_test.go")) {
		compiled.WriteString(strings.TrimSpace(line) + "\n")
	}
	for _, document := range []string{readmeFile, documentFile} {
		quotes := blocks(read(t, document), "golang")
		require.NotEmpty(t, quotes, document)
		for _, quote := range quotes {
			assert.Contains(t, compiled.String(), "\n"+quote, "%s shows code that setup_test.go does not have", document)
		}
	}
}

func TestExpressionsOfDocumentsAskForMetricsThatExist(t *testing.T) {
	known := families(t)
	code := regexp.MustCompile("`([^`]*)`")
	for _, document := range []string{readmeFile, documentFile} {
		text, count := read(t, document), 0
		for _, block := range blocks(text, "promql") {
			checkNames(t, known, parse(t, block))
		}
		for _, paragraph := range strings.Split(text, "\n\n") {
			if strings.Contains(paragraph, "```") {
				continue
			}
			for _, match := range code.FindAllStringSubmatch(strings.Join(strings.Fields(paragraph), " "), -1) {
				if strings.Contains(match[1], "altertable_client_") && match[1] != "altertable_client_" {
					checkNames(t, known, parse(t, match[1]))
					count++
				}
			}
		}
		assert.True(t, count > 5 || document == readmeFile, document)
	}
}

func TestReadmeAlertsFireWithThoseOfTheFile(t *testing.T) {
	quotes := blocks(read(t, readmeFile), "promql")
	require.Len(t, quotes, 2)
	for i, name := range []string{"AltertableEventsLost", "AltertableOutage"} {
		fired, silent := 0, 0
		for _, s := range clientGuide.told(t) {
			if strings.Contains(s.Story, "before their first scrape") || strings.Contains(s.Story, "scraped once") {
				continue // what the file's alert sees, and this one does not
			}
			fires, _ := s.concerns(name)
			told, err := s.tell(alert{expr: quotes[i], lasts: 2 * step}, nil)
			require.NoError(t, err)
			if fires && len(told) > 0 {
				fired++
			}
			if !fires && len(told) == 0 {
				silent++
			}
			assert.True(t, !fires || i == 0 || len(told) > 0, "%s: %s", name, s.Story)
			assert.True(t, fires || len(told) == 0, "%s: %s", name, s.Story)
		}
		assert.Positive(t, fired)
		assert.Positive(t, silent)
	}
}

// The document's table and scrape have every metric, as the module exports it.
func TestScrapeOfTheDocument(t *testing.T) {
	document, real := read(t, documentFile), map[string]bool{}
	shown := blocks(document, "")
	require.Len(t, shown, 1)
	names := regexp.MustCompile(`(?m)^altertable_client_(\w+)`)
	for line := range strings.Lines(read(t, scrapeFile)) {
		line = strings.TrimSpace(line)
		real[line] = true
		if strings.HasPrefix(line, "#") {
			assert.Contains(t, shown[0], line+"\n")
			name := strings.TrimPrefix(strings.Fields(line)[2], "altertable_client_")
			assert.Regexp(t, `(?m)^\|[^|]*`+"`"+name+`(\{[\w,]+\})?`+"`", document, "the table of metrics lacks it")
		} else {
			name := names.FindString(line)
			assert.Regexp(t, `(?m)^`+name+`[ {]`, shown[0], "the scrape lacks it")
		}
	}
	require.NotEmpty(t, real)
	for line := range strings.Lines(shown[0]) {
		assert.True(t, real[strings.TrimSpace(line)], "no such line is exported: %s", line)
	}
}

// A log line that the runbook tells to look for has to be one that the SDK writes.
func TestLogLinesOfTheDocument(t *testing.T) {
	sources, err := filepath.Glob("../../*.go")
	require.NoError(t, err)
	var written strings.Builder
	for _, source := range sources {
		if !strings.HasSuffix(source, "_test.go") {
			text, err := os.ReadFile(source)
			require.NoError(t, err)
			written.Write(text)
		}
	}
	document := strings.Join(strings.Fields(read(t, documentFile)), " ")
	lines := regexp.MustCompile("`(altertable: [^`]+)`").FindAllStringSubmatch(document, -1)
	require.Greater(t, len(lines), 8)
	for _, line := range lines {
		assert.Contains(t, written.String(), `"`+line[1]+`"`)
	}
}
