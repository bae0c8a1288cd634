package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func updateOf(id, anonymous, newUser, owner string, ids int, former ...string) altertabletest.Change {
	return altertabletest.Change{Update: &altertabletest.Update{Environment: "production", DistinctID: id,
		AnonymousID: anonymous, NewUserID: newUser, IdentityID: owner, IDs: ids, Former: former}}
}

// The larger the identities that changed, the more has to come together before
// they are written.
func TestPendingIsDue(t *testing.T) {
	var p pending
	assert.True(t, p.empty())
	for _, known := range []int{0, 100_000} {
		p = pending{}
		for n := 1; !p.due(1); n++ {
			p.add(updateOf("u", fmt.Sprint("a", n), "", "u", known+n))
		}
		assert.InDelta(t, (chunk+known/4)*4/3, p.rows(), 10)
	}

	p = pending{}
	for range chunk {
		assert.False(t, p.due(1))
		p.add(altertabletest.Change{Event: &altertabletest.Event{}})
	}
	assert.True(t, p.due(1))
	assert.False(t, p.due(2))

	p = pending{}
	large := &altertabletest.Event{Properties: map[string]any{"x": strings.Repeat("x", 1<<20)}}
	for !p.due(1) {
		p.add(altertabletest.Change{Event: large})
	}
	assert.LessOrEqual(t, p.count, 17)

	// One that another took over does not count.
	p = pending{}
	p.add(updateOf("a", "", "", "a", 1000))
	p.add(updateOf("a", "", "b", "b", 1001, "a"))
	assert.Equal(t, 1001, p.sizes)
	p.add(altertabletest.Change{Reset: true})
	assert.False(t, p.empty())
	assert.Zero(t, p.rows())
	assert.Zero(t, p.sizes)
}

// What became of an identity is followed to its end, once.
func TestPendingFollowsIdentities(t *testing.T) {
	var p pending
	const merges = 10_000
	for n := range merges {
		p.add(updateOf(fmt.Sprint("u", n), "", fmt.Sprint("u", n+1), fmt.Sprint("u", n+1), n+2, fmt.Sprint("u", n)))
	}
	b := p.batch(func(environment, id string) (altertabletest.Identity, bool) {
		assert.Equal(t, fmt.Sprint("u", merges), id, "nobody else is asked about")
		return altertabletest.Identity{Environment: environment, DistinctID: id}, true
	})
	u := unpacker{rest: b.changes}
	c := u.changes()
	assert.NoError(t, u.err)
	assert.Len(t, c.identities, 1)
	assert.Len(t, c.formers, merges)
	assert.Len(t, c.ids, merges+1)
	for _, row := range append(c.formers, c.ids...) {
		assert.Equal(t, fmt.Sprint("u", merges), row.owner)
	}
}

// An identity that changed again before it was asked for is left to the change
// that is still to come.
func TestPendingLeavesLaterChanges(t *testing.T) {
	var p pending
	p.add(updateOf("gone", "", "", "gone", 1))
	p.add(updateOf("merged", "", "", "merged", 1))
	b := p.batch(func(_, id string) (altertabletest.Identity, bool) {
		return altertabletest.Identity{DistinctID: "other"}, id == "merged"
	})
	u := unpacker{rest: b.changes}
	assert.Empty(t, u.changes().identities)
}
