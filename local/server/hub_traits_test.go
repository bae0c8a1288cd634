package server

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTraitsTextShowsShortTraitsFirst(t *testing.T) {
	assert.Equal(t, `{"about":"me","plan":"pro"}`, traitsText(map[string]any{"plan": "pro", "about": "me"}))
	assert.Equal(t, `{}`, traitsText(map[string]any{}))
	text := traitsText(map[string]any{"about": strings.Repeat("x", 5000), "seats": 3.0, "email": "ada@example.com", "also": strings.Repeat("y", 100)})
	assert.True(t, strings.HasPrefix(text, `{"seats":3,"email":"ada@example.com","also":"yyy`), text)
	assert.True(t, strings.HasSuffix(text, "xxx..."), text)
	assert.Len(t, text, clip+len("..."))
}
