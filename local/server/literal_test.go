package server

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLiteral(t *testing.T) {
	for text, want := range map[string]string{
		"":       `''`,
		"a":      `'a'`,
		"it's":   `'it''s'`,
		`\n`:     `'\n'`,
		"\x00":   `('' || chr(0) || '')`,
		"a\x00'": `('a' || chr(0) || '''')`,
		"a\xffb": "'a\uFFFDb'",
	} {
		assert.Equal(t, want, literal(text), "%q", text)
	}
}
