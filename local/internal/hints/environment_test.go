package hints

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestUnknownEnvironmentHints(t *testing.T) {
	for body, want := range map[string]string{
		`{"environment":"prod","event":"e"}`:                                            `"prod"`,
		`[{"environment":"production"},{"environment":"prod"},{"environment":"other"}]`: `"prod"`,
		`{"environment":"a\u0000\u202e<b>\n"}`:                                          `"a\x00\u202e<b>\n"`,
		`{"environment":""}`:                                                            `""`,
		`{"environment":"` + strings.Repeat("x", 1000) + `"}`:                           `"` + strings.Repeat("x", 60) + `..."`,
		`[{"environment":"production"},{"envi`:                                          "that was sent",
		``:                                                                              "that was sent",
		`[`:                                                                             "that was sent",
		`{"environment":5}`:                                                             "that was sent",
	} {
		hints := OfRequest(&altertabletest.Request{Reason: "environment-not-found", Body: []byte(body)}, []string{"production", "staging"})
		require.Equal(t, []string{"unknown-environment"}, codesOf(hints))
		assert.Contains(t, hints[0].Text, "The environment "+want+` does not exist, only "production", "staging": `, body)
	}
	assert.Empty(t, OfRequest(&altertabletest.Request{Reason: "insert-failed"}, nil))
}
