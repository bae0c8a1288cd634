package survey

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEnvironment(t *testing.T) {
	for message, want := range map[string]string{
		`{"environment":"staging","event":"e"}`:              "staging",
		`{"environment":"a\"b"}`:                             `a"b`,
		`{"event":"e", "environment" : "st\u0061ging" }`:     "staging",
		`{"event":"environment"}`:                            "",
		`{"properties":{"environment":"of the properties"}}`: "",
		`{"environment":5}`:                                  "",
		`{"environment":"cut`:                                "",
		`{"event":"e"}`:                                      "",
	} {
		assert.Equal(t, want, string(environment([]byte(message))), message)
	}
}
