package encode

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnicodeEscape(t *testing.T) {
	for text, want := range map[string]struct {
		r    rune
		size int
	}{
		`\u0041b`:       {'A', 6},
		`\u00e9`:        {'\u00e9', 6},
		`\u00E9`:        {'\u00e9', 6},
		`\ud83d\ude00"`: {'\U0001f600', 12},
		`\ud83d`:        {},
		`\ud83d\u0041`:  {},
		`\ude00\ud83d`:  {},
		`\u00g0`:        {},
		`\u004`:         {},
		`\n0041x`:       {},
		`u0041`:         {},
		``:              {},
	} {
		r, size := UnicodeEscape([]byte(text))
		assert.Equal(t, want.r, r, text)
		assert.Equal(t, want.size, size, text)
	}
}
