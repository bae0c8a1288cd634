package server

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSpellings(t *testing.T) {
	n := newNames()
	assert.Empty(t, n.add("signed_up"))
	for _, other := range []string{"Signed Up", "signedUp", "SIGNED-UP", "signed up", "signedup"} {
		assert.Equal(t, "signed_up", n.add(other))
	}
	for _, another := range []string{"signed_up_2", "signed_in", "$signed_up", "sign_up", "_", "-", "", strings.Repeat("signed_up", 30)} {
		assert.Empty(t, n.add(another), another)
	}
	assert.Empty(t, n.add("signed_up"), "the first one is the right one")
	for range 2 {
		n.remove("signed_up")
	}
	assert.Empty(t, n.add("signedUp"), "the other one has left")
}
