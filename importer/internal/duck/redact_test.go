package duck

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRedactTypes(t *testing.T) {
	for text, want := range map[string]string{
		"no type":                                    "no type",
		"a DECIMAL(12,2) and an ENUM('x', 'y')":      "a DECIMAL(12,2) and an ENUM(...)",
		"STRUCT(a STRUCT(b INTEGER), c DATE) + DATE": "STRUCT(...) + DATE",
		`STRUCT("a)" INTEGER)[] and UNION(b DATE)`:   "STRUCT(...)[] and UNION(...)",
		"ENUM('it)s', 'y":                            "ENUM(...)",
		"a STRUCTURE(x)":                             "a STRUCTURE(x)",
	} {
		assert.Equal(t, want, redactTypes(text), text)
	}
}

func TestRedactQuoted(t *testing.T) {
	const query = `SELECT Plan, "user id" FROM source`
	for text, want := range map[string]string{
		`column "plan" not found`:            `column "plan" not found`,
		`column "user id", or "ada".`:        `column "user id", or "...".`,
		`value 'ada' is (none)`:              `value '...' is (none)`,
		`it's "ada" that isn't`:              `it's "..." that isn't`,
		`no function 'sum(VARCHAR)'`:         `no function 'sum(VARCHAR)'`,
		`no function 'sum(ada)'`:             `no function '...'`,
		`"ada "b" c" is "source" and 'more'`: `"...'`, // nobody can tell where the first one ends
	} {
		assert.Equal(t, want, redactQuoted(text, query), text)
	}
}
