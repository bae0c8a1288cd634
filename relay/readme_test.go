package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// section returns a section of README.md.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(readFile(t, "README.md"), "\n## "+heading+"\n")
	require.True(t, ok, heading)
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// rows returns the cells of the tables' rows, without heads.
func rows(text string) (found [][]string) {
	head := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			head = true
		case strings.HasPrefix(line, "|---"):
			head = false
		case !head:
			cells := strings.Split(strings.Trim(line, "|"), " | ")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			found = append(found, cells)
		}
	}
	return found
}

// block returns the code of the section's first block in the language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, code, ok := strings.Cut(text, "```"+language+"\n")
	require.True(t, ok)
	code, _, ok = strings.Cut(code, "```")
	require.True(t, ok)
	return code
}

func flags() (*flag.FlagSet, *config.Flags) {
	set := flag.NewFlagSet("serve", flag.ContinueOnError)
	return set, config.NewFlags(set)
}

var defaultText = regexp.MustCompile(`\(default (.*?)[;)]`)

func TestReadmeHasEveryFlag(t *testing.T) {
	known, told := map[string]*flag.Flag{}, map[string]bool{}
	set, _ := flags()
	set.VisitAll(func(f *flag.Flag) { known["`--"+f.Name+"`"] = f })
	for _, row := range rows(section(t, "Configuration")) {
		require.Len(t, row, 3)
		f := known[row[0]]
		require.NotNil(t, f, "README.md has a flag that serve has not: %s", row[0])
		assert.False(t, told[row[0]])
		told[row[0]] = true
		if preset := defaultText.FindStringSubmatch(f.Usage); preset != nil {
			for _, word := range strings.FieldsFunc(preset[1], func(r rune) bool { return r == ' ' || r == ',' }) {
				assert.Contains(t, row[1], strings.TrimLeft(word, "-"), row[0])
			}
		}
		for _, limit := range regexp.MustCompile(`\d+m?s? to \d+m?h?`).FindAllString(f.Usage, -1) {
			assert.Contains(t, row[2], limit, row[0])
		}
	}
	for name := range known {
		assert.True(t, told[name], "README.md lacks %s", name)
	}
	for _, name := range regexp.MustCompile("`--[a-z-]+").FindAllString(readFile(t, "README.md"), -1) {
		switch name {
		case "`--tenant", "`--code", "`--since": // of dlq
		default:
			assert.NotNil(t, known[name+"`"], "README.md names %s", name)
		}
	}
}

func TestReadmeHasEveryMetric(t *testing.T) {
	m := metrics.New([]string{"shop"})
	m.Disk(func() (free, total uint64, ok bool) { return 1, 2, true })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	scrape := w.Body.String()
	told := map[string]bool{}
	for _, row := range rows(section(t, "Metrics and alerts")) {
		name, labels, _ := strings.Cut(strings.Trim(row[0], "`}"), "{")
		told[name] = true
		assert.Contains(t, scrape, "\n# TYPE altertable_relay_"+name+" "+row[1]+"\n", "README.md has a metric that is not exported")
		series := regexp.MustCompile(`(?m)^altertable_relay_` + name + `(?:_count)?(?:\{(.*?)\})? `).FindStringSubmatch(scrape)
		require.NotNil(t, series, name)
		var want []string
		if labels != "" {
			want = strings.Split(labels, ",")
		}
		if strings.Contains(series[1], `tenant="`) {
			want = append(want, "tenant")
		} else {
			assert.Regexp(t, "^(disk_free_bytes|disk_size_bytes|ready)$", name, "it has no label tenant")
		}
		var got []string
		for _, match := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(series[1], -1) {
			got = append(got, match[1])
		}
		assert.ElementsMatch(t, want, got, name)
	}
	for _, match := range regexp.MustCompile(`# TYPE altertable_relay_(\w+)`).FindAllStringSubmatch(scrape, -1) {
		assert.True(t, told[match[1]], "README.md lacks the metric %s", match[1])
	}
	for _, match := range regexp.MustCompile(`altertable_relay_(\w+)`).FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		assert.True(t, told[match[1]], "README.md names the metric %s", match[1])
	}
}

// read returns what the relay makes of a configuration file.
func read(t *testing.T, text string, variables map[string]string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "relay.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	set, f := flags()
	require.NoError(t, set.Parse([]string{"--config", file}))
	return f.Read(func(name string) string { return variables[name] }, config.Serve)
}

func TestReadmeFileIsOneThatServeTakes(t *testing.T) {
	text := block(t, section(t, "Configuration"), "yaml")
	c, err := read(t, text, map[string]string{"SHOP_API_KEY": "one", "BLOG_API_KEY": "two"})
	require.NoError(t, err)
	assert.Equal(t, []string{"shop", "blog"}, c.Names())
	tokens := append(c.Tenants[0].Tokens, c.Tenants[1].Tokens...)
	require.Len(t, tokens, 3)
	for i, token := range []string{"test", "test2", "test3"} {
		assert.Equal(t, sha256.Sum256([]byte(token)), tokens[i].SHA256)
		assert.Contains(t, text, `# of "`+token+`"`)
	}
	assert.True(t, tokens[1].Browser)
}

func TestReadmeMakesTokens(t *testing.T) {
	for _, program := range []string{"bash", "openssl", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("there is no " + program)
		}
	}
	command := exec.Command("bash", "-euo", "pipefail", "-c", block(t, section(t, "Tenants and tokens"), "sh")+"\necho $token")
	out, err := command.Output()
	require.NoError(t, err)
	words := bytes.Fields(out)
	require.Len(t, words, 3) // the sum, "-", and the token
	sum := sha256.Sum256(words[2])
	assert.Equal(t, hex.EncodeToString(sum[:]), string(words[0]))
	assert.Len(t, words[2], 48)
}

// Sizes of disks, rounded up to two digits.
func diskSize(bytes float64) string {
	unit := "MB"
	if bytes /= 1e6; bytes >= 1000 {
		unit, bytes = "GB", bytes/1000
	}
	digit := math.Pow(10, math.Floor(math.Log10(bytes))-1)
	bytes = math.Ceil(bytes/digit-1e-9) * digit
	if bytes < 10 {
		return fmt.Sprintf("%.1f %s", bytes, unit)
	}
	return fmt.Sprintf("%.0f %s", bytes, unit)
}

func TestReadmeSizes(t *testing.T) {
	text := section(t, "Sizing")
	assert.Contains(t, text, "disk = events a second x 3600 x hours x 460 bytes x 0.4 / 0.8")
	head := regexp.MustCompile(`\d+ hours?`).FindAllString(text, -1)
	table := rows(text)
	require.Len(t, table, 4)
	for _, row := range table {
		rate, err := strconv.ParseFloat(strings.ReplaceAll(row[0], ",", ""), 64)
		require.NoError(t, err)
		for i, cell := range row[1:] {
			hours, err := strconv.ParseFloat(strings.Fields(head[i])[0], 64)
			require.NoError(t, err)
			assert.Equal(t, diskSize(rate*3600*hours*460*0.4/0.8), cell, "%s for %s", row[0], head[i])
		}
	}
}

// anchor is how GitHub names a heading.
func anchor(heading string) string {
	heading = regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
	return strings.ReplaceAll(heading, " ", "-")
}

func TestReadmeLinksLeadSomewhere(t *testing.T) {
	text := readFile(t, "README.md")
	for _, match := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
		path, fragment, _ := strings.Cut(match[1], "#")
		if strings.Contains(path, "://") {
			continue
		}
		target := text
		if path != "" {
			info, err := os.Stat(path)
			if !assert.NoError(t, err, "README.md has a link to it") || info.IsDir() || fragment == "" {
				continue
			}
			target = readFile(t, path)
		}
		var known []string
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(target, -1) {
			known = append(known, anchor(heading[1]))
		}
		assert.Contains(t, known, fragment, "README.md has a link to it")
	}
}
