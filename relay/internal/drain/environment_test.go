package drain

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The name is the member's that the API reads: a member whose name differs in case
// would have the fence hold up an environment that is there.
func TestEnvironmentOf(t *testing.T) {
	for event, want := range map[string]string{
		`{"environment":"staging","event":"a"}`:                   "staging",
		`{"environ\u006dent":"staging"}`:                          "staging",
		`{"environment":"nowhere","Environment":"production"}`:    "nowhere",
		`{"Environment":"staging","ENVIRONMENT":"x","event":"a"}`: "production",
		`{"event":"a"}`:     "production",
		`{"environment":5}`: "production",
		`[]`:                "production",
		`{`:                 "production",
	} {
		assert.Equal(t, want, environmentOf([]byte(event)), event)
	}
}
