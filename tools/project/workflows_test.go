package project

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type workflow struct {
	On          map[string]any
	Permissions map[string]string
	Concurrency struct{ Group string }
	Jobs        map[string]job
}

type job struct {
	RunsOn      string `yaml:"runs-on"`
	If          string
	Needs       []string
	Timeout     int `yaml:"timeout-minutes"`
	Permissions map[string]string
	Strategy    struct {
		Matrix struct{ OS, Go []string }
	}
	Steps []struct {
		Uses  string
		With  map[string]string
		Run   string
		Shell string
		Env   map[string]string
	}
}

func workflowFiles(t *testing.T) []string {
	return files(t, func(name string) bool { return path.Dir(name) == ".github/workflows" })
}

func readWorkflow(t *testing.T, name string) workflow {
	t.Helper()
	var w workflow
	parse(t, name, &w)
	require.NotEmpty(t, w.Jobs, name)
	return w
}

var pin = regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40}$`)

func TestActionsArePinnedByCommit(t *testing.T) {
	for _, name := range workflowFiles(t) {
		var document yaml.Node
		parse(t, name, &document)
		commits := map[string]string{}
		found := 0
		eachNode(&document, func(n *yaml.Node) {
			for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
				if n.Content[i].Value != "uses" {
					continue
				}
				found++
				uses := n.Content[i+1]
				assert.Regexp(t, pin, uses.Value, "%s:%d", name, uses.Line)
				assert.Regexp(t, `^# v\d+\.\d+\.\d+$`, uses.LineComment, "%s:%d names the version", name, uses.Line)
				action, _, _ := strings.Cut(uses.Value, "@")
				same := uses.Value + " " + uses.LineComment
				if commits[action] == "" {
					commits[action] = same
				}
				assert.Equal(t, commits[action], same, "%s:%d: one version of an action", name, uses.Line)
			}
		})
		assert.Equal(t, strings.Count(file(t, name), "uses: "), found, name)
	}
}

func eachNode(n *yaml.Node, visit func(*yaml.Node)) {
	visit(n)
	for _, c := range n.Content {
		eachNode(c, visit)
	}
}

func TestWorkflowsMayReadOnly(t *testing.T) {
	for _, name := range workflowFiles(t) {
		w := readWorkflow(t, name)
		assert.Equal(t, map[string]string{"contents": "read"}, w.Permissions, name)
		assert.NotEmpty(t, w.Concurrency.Group, name)
		assert.NotContains(t, w.On, "pull_request_target", "%s: a stranger's code must not run with the repository's rights", name)
		for id, j := range w.Jobs {
			assert.Empty(t, j.Permissions, "%s: %s", name, id)
			assert.Positive(t, j.Timeout, "%s: %s has a timeout", name, id)
			assert.LessOrEqual(t, j.Timeout, 120, "%s: %s", name, id)
			for _, s := range j.Steps {
				if strings.HasPrefix(s.Uses, "actions/checkout@") {
					assert.Equal(t, "false", s.With["persist-credentials"], "%s: %s", name, id)
				}
				assert.NotContains(t, s.Run, "${{", "%s: %s: an expression goes through env", name, id)
				assert.Equal(t, s.Run != "", s.Shell == "bash", "%s: %s", name, id)
			}
		}
	}
}

func TestMatrixHasTheSystemsAndTheTwoLatestGos(t *testing.T) {
	w := readWorkflow(t, ".github/workflows/ci.yml")
	check := w.Jobs["check"]
	assert.Equal(t, "${{ matrix.os }}", check.RunsOn)
	assert.Equal(t, []string{"ubuntu-latest", "macos-latest", "windows-latest"}, check.Strategy.Matrix.OS)
	assert.Equal(t, []string{"stable", "oldstable"}, check.Strategy.Matrix.Go)
	assert.Equal(t, "${{ matrix.go }}", setupGo(t, check)["go-version"])
	assert.Contains(t, runs(check), "bash .ci/run")

	minimum := w.Jobs["minimum"]
	assert.Equal(t, "go.mod", setupGo(t, minimum)["go-version-file"])
	assert.Contains(t, runs(minimum), "bash .ci/run tests")

	assert.Equal(t, map[string]any{"branches": []any{"main"}}, w.On["push"])
	assert.Contains(t, w.On, "pull_request")
	assert.Contains(t, w.On, "schedule", "new vulnerabilities come without a change")
}

func setupGo(t *testing.T, j job) map[string]string {
	t.Helper()
	for _, s := range j.Steps {
		if strings.HasPrefix(s.Uses, "actions/setup-go@") {
			return s.With
		}
	}
	require.Fail(t, "no step sets up Go")
	return nil
}

func runs(j job) []string {
	var all []string
	for _, s := range j.Steps {
		all = append(all, s.Run)
	}
	return all
}

func TestRequiredJobWaitsForAllOthers(t *testing.T) {
	w := readWorkflow(t, ".github/workflows/ci.yml")
	required := w.Jobs["required"]
	assert.Equal(t, "always()", required.If, "a job that is skipped counts as a success")
	require.Len(t, required.Steps, 1)
	var others []string
	for id := range w.Jobs {
		if id == "required" {
			continue
		}
		others = append(others, id)
		variable := strings.ToUpper(id)
		assert.Equal(t, "${{ needs."+id+".result }}", required.Steps[0].Env[variable])
		assert.Contains(t, required.Steps[0].Run, `test "$`+variable+`" = success`)
	}
	assert.ElementsMatch(t, others, required.Needs)
}
