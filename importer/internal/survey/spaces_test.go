package survey

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIDsWithSpaces(t *testing.T) {
	for _, ids := range [][]string{{" u_1"}, {"u_1 "}, {"\tu_1"}, {"u_1\u00a0", "u_1\u00a0"}, {"u_1", "u 2", "u_3\n"}} {
		v := newSurvey(nil)
		for n, id := range ids {
			v.people.add(id, place{number: int64(n + 1)})
		}
		hints := strings.Join(v.hintsOfIDs(false), " ")
		assert.Contains(t, hints, fmt.Sprintf("1 id begins or ends with a space, first in row %d.", len(ids)/3*2+1), "%q", ids)
		assert.NotContains(t, hints, "u_1")
	}
	v := newSurvey(nil)
	for n := range int64(30) {
		v.people.add(fmt.Sprintf(" u_%d", n), place{number: 30 - n})
	}
	assert.Contains(t, v.hintsOfIDs(false)[0], "30 ids begin or end with a space, first in row 1.")
	v = newSurvey(nil)
	v.people.add("u 1", place{number: 1})
	assert.Empty(t, v.hintsOfIDs(false))
}
