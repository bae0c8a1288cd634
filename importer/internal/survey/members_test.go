package survey

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
)

func TestEachMember(t *testing.T) {
	for object, want := range map[string][]string{
		`{"a":1,"b":{"c":[2]},"a":"x"}`: {"a 1 true", `b {"c":[2]} true`, `a "x" true`},
		` { "a" : null } `:              {"a null true"},
		`{"\u0061":"\ud800"}`:           {`a "\ud800" true`},
		`{"a":1,"b":"cut`:               {"a 1 true", `b "cut false`},
		`{"a": `:                        {"a  false"},
		`{"a":1,"b`:                     {"a 1 true"},
		`{"a":1 2}`:                     {"a 1 true"},
		`{}`:                            nil,
		`[1]`:                           nil,
		``:                              nil,
	} {
		var got []string
		eachMember([]byte(object), func(name string, value jsontext.Value, whole bool) bool {
			got = append(got, fmt.Sprintf("%s %s %t", name, string(value), whole))
			return true
		})
		assert.Equal(t, want, got, object)
	}
	visits := 0
	eachMember([]byte(`{"a":1,"b":2}`), func(string, jsontext.Value, bool) bool { visits++; return false })
	assert.Equal(t, 1, visits)
}
