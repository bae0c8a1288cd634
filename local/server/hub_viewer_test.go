package server

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// nobodyKnown stands for an API's server without identities.
func nobodyKnown(string, string) (altertabletest.Identity, bool) {
	return altertabletest.Identity{}, false
}

// What a viewer counts as things come and go is what a new one counts.
func TestViewerCountsWhatIsKept(t *testing.T) {
	h := emptyHub([]string{"production"})
	h.identity = nobodyKnown
	random := rand.New(rand.NewPCG(1, 2))
	var viewers []*viewer
	for _, raw := range []string{"", "event=e3", "person=u_1", "text=pro", "person=u_1&event=e2"} {
		f, _, err := parseFilter(raw)
		require.NoError(t, err)
		viewers = append(viewers, h.viewer(f))
	}
	events := 0
	for range 40 {
		for range random.IntN(1000) {
			events++
			e := altertabletest.Event{Environment: "production", Event: fmt.Sprint("e", random.IntN(6)), DistinctID: fmt.Sprint("u_", random.IntN(20)), Properties: map[string]any{}}
			if random.IntN(3) == 0 {
				e.Properties["plan"], e.Properties["password"] = "pro", "hunter2!"
			}
			h.observe(altertabletest.Change{Event: &e})
		}
		id := fmt.Sprint("u_", random.IntN(20))
		h.observe(altertabletest.Change{Update: &altertabletest.Update{Environment: "production", DistinctID: id, IdentityID: id}})
		h.observe(altertabletest.Change{Request: &altertabletest.Request{Method: "POST", Path: "/track", Status: 400, Reason: "environment-not-found"}})
		for _, v := range viewers {
			if random.IntN(4) == 0 {
				continue // a slow one
			}
			u, _, _ := v.next()
			require.NotNil(t, u)
			want, snapshot, _ := h.viewer(v.filter).next()
			assert.True(t, snapshot)
			assert.Equal(t, want.Matched, u.Matched, "%+v", v.filter)
			assert.Equal(t, want.Hints, u.Hints, "%+v", v.filter)
			assert.Equal(t, min(events, keepEvents), u.Kept)
			assert.LessOrEqual(t, len(u.Events), reshown)
		}
	}
	require.Greater(t, events, keepEvents)
	for _, v := range viewers {
		v.next()
		u, _, more := v.next()
		assert.Nil(t, u, "nothing is new")
		assert.NotNil(t, more)
	}
	h.close()
	_, _, more := viewers[0].next()
	assert.Nil(t, more)
}

// Of a burst the newest are shown, and how many are not.
func TestViewerOfABurst(t *testing.T) {
	h := emptyHub(nil)
	h.identity = nobodyKnown
	observe := func(n int) {
		h.observe(altertabletest.Change{Event: &altertabletest.Event{Event: "e", DistinctID: fmt.Sprint("u", n)}})
	}
	for n := range 10 {
		observe(n)
	}
	v := h.viewer(filter{})
	u, snapshot, _ := v.next()
	assert.True(t, snapshot)
	assert.Zero(t, u.Skipped)
	for n := range 1000 {
		observe(n)
	}
	u, snapshot, _ = v.next()
	assert.False(t, snapshot)
	require.Len(t, u.Events, shown)
	assert.Equal(t, 1000-shown, u.Skipped)
	assert.Equal(t, int64(1010-shown+1), u.Events[0].Number)
	assert.Equal(t, int64(1010), u.Events[shown-1].Number)
	assert.Equal(t, 1010, u.Matched)
	// Those whose person changed come as well, the newest of them.
	h.observe(altertabletest.Change{Update: &altertabletest.Update{DistinctID: "u1", IdentityID: "u1"}})
	observe(5000)
	u, _, _ = v.next()
	require.Len(t, u.Events, 3)
	assert.Equal(t, "u1", u.Events[0].IdentityID)
	assert.True(t, u.Events[0].Known)
}
