package stage

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestReservedColumnsHaveAMeaning(t *testing.T) {
	assert.ElementsMatch(t, source.Reserved, slices.Collect(maps.Keys(hidden)))
}

func TestRolesOfNames(t *testing.T) {
	for name, want := range map[string]message.Role{
		"Distinct_ID": message.DistinctID, "ENDPOINT": message.Endpoint, "_Row": message.Number, "row": message.Other, "": message.Other,
	} {
		assert.Equal(t, want, roleOf(name), name)
	}
}
