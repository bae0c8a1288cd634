package server

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// The hint about an identify that was ignored stays until one counts.
func TestIgnoredIdentifyUntilOneCounts(t *testing.T) {
	h := emptyHub([]string{"production"})
	tell := func(u altertabletest.Update) bool {
		u.Environment, u.IdentityID = "production", "u_1"
		h.observe(altertabletest.Change{Update: &u})
		return h.ignoredIdentify("production", "u_1") != nil
	}
	traits := map[string]any{"plan": "pro"}
	assert.False(t, tell(altertabletest.Update{DistinctID: "u_1", Traits: traits, Timestamp: at(5)}))
	assert.False(t, tell(altertabletest.Update{DistinctID: "u_1", Ignored: true}), "no trait is lost")
	assert.True(t, tell(altertabletest.Update{DistinctID: "u_1", Traits: traits, Timestamp: at(1), Before: at(5), Ignored: true}))
	assert.True(t, tell(altertabletest.Update{DistinctID: "old_1", NewUserID: "u_1", Alias: true}), "an alias has no traits")
	assert.False(t, tell(altertabletest.Update{DistinctID: "u_1", Traits: traits, Timestamp: at(6)}))
}
