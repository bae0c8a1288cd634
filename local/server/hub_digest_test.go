package server

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Between the look at the hub and the question to the API's server another
// identity may take one over. Then it has no row: the next message has the other's.
func TestIdentityThatIsTakenOverMeanwhile(t *testing.T) {
	h := emptyHub([]string{"production"})
	h.identity = func(environment, _ string) (altertabletest.Identity, bool) {
		return altertabletest.Identity{Environment: environment, DistinctID: "u_1", Aliases: []string{"old_1"}}, true
	}
	for _, id := range []string{"old_1", "u_1"} {
		h.observe(altertabletest.Change{Update: &altertabletest.Update{Environment: "production", DistinctID: id, IdentityID: id}})
	}
	u, _, _ := h.viewer(filter{}).next()
	require.Len(t, u.Identities, 1)
	assert.Equal(t, "u_1", u.Identities[0].DistinctID)
}
