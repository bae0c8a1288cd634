package project

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/semver"
)

type dependabot struct {
	Version int
	Updates []struct {
		Ecosystem   string `yaml:"package-ecosystem"`
		Directory   string
		Directories []string
		Schedule    struct{ Interval string }
		Groups      map[string]struct{ Patterns []string }
		Ignore      []struct {
			Name     string `yaml:"dependency-name"`
			Versions []string
		}
	}
}

func readDependabot(t *testing.T) dependabot {
	t.Helper()
	var d dependabot
	parse(t, ".github/dependabot.yml", &d)
	require.Equal(t, 2, d.Version)
	require.Len(t, d.Updates, 2)
	require.Equal(t, "gomod", d.Updates[0].Ecosystem)
	require.Equal(t, "github-actions", d.Updates[1].Ecosystem)
	return d
}

func TestDependabotLooksIntoEveryModule(t *testing.T) {
	var want []string
	for _, m := range modules(t) {
		want = append(want, path.Join("/", m.directory))
	}
	assert.ElementsMatch(t, want, readDependabot(t).Updates[0].Directories)
}

func TestDependabotMakesOneRequestAWeek(t *testing.T) {
	for _, u := range readDependabot(t).Updates {
		assert.Equal(t, "weekly", u.Schedule.Interval, u.Ecosystem)
		require.Len(t, u.Groups, 1, u.Ecosystem)
		for _, g := range u.Groups {
			assert.Equal(t, []string{"*"}, g.Patterns, u.Ecosystem)
		}
	}
}

// A rule that is too wide holds back what is in use already, and one that nothing
// matches says what is not so.
func TestDependabotIgnoresNewerVersionsOnly(t *testing.T) {
	for _, rule := range readDependabot(t).Updates[0].Ignore {
		require.Len(t, rule.Versions, 1, rule.Name)
		operator, bound, ok := strings.Cut(rule.Versions[0], " ")
		require.True(t, ok, rule.Name)
		require.True(t, semver.IsValid("v"+bound), rule.Name)
		used := 0
		for _, m := range modules(t) {
			for _, r := range m.Require {
				matched := r.Mod.Path == rule.Name
				if prefix, wild := strings.CutSuffix(rule.Name, "*"); wild {
					matched = strings.HasPrefix(r.Mod.Path, prefix)
				}
				if !matched || m.Go.Version >= "1.26" {
					continue
				}
				used++
				order := semver.Compare(r.Mod.Version, "v"+bound)
				assert.True(t, order < 0 || order == 0 && operator == ">", "%s uses %s of %s, which the rule holds back", m.directory, r.Mod.Version, rule.Name)
			}
		}
		assert.NotZero(t, used, "no go.mod requires %s", rule.Name)
	}
}
