package altertabletest_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// perPerson are messages that make a person and merge it with the large
// identity, in either direction, the person being the older or the newer.
func perPerson(into, from func(i int) string, second int) func(i int) []step {
	return func(i int) []step {
		small := fmt.Sprint("other-", i)
		identified := strings.Replace(identifyBody(small, "", second, `"trait-1":true`), "{", `{"device_id":"device-1",`, 1)
		return []step{{"/identify", identified}, aliasStep(from(i), into(i))}
	}
}

// What a message takes does not depend on the size of its identity: every copy
// of ids, devices or traits would be memory.
func TestMessagesCostTheSameAtALargeIdentity(t *testing.T) {
	large := func(int) string { return "alias-1" }
	small := func(i int) string { return fmt.Sprint("other-", i) }
	kinds := map[string]func(i int) []step{
		"an older person into it": perPerson(large, small, 1),
		"a newer person into it":  perPerson(large, small, 59),
		"it into an older person": perPerson(small, large, 1),
		"it into a newer person":  perPerson(small, large, 59),
		"a person of no traits yet": func(i int) []step {
			return []step{aliasStep(fmt.Sprint("x-", i), small(i)), aliasStep(small(i), "alias-1")}
		},
	}
	for name, message := range perMessage {
		kinds[name] = func(i int) []step { return []step{message(i)} }
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		for _, observed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, observed %t", name, observed), func(t *testing.T) {
				few := allocated(t, 10, observed, kinds[name])
				many := allocated(t, 10_000, observed, kinds[name])
				assert.Less(t, many, 2*few, "bytes, with 1,000 times as many ids")
			})
		}
	}
}

// middle lies between the seconds that persons are identified at.
var middle = time.Date(2023, 1, 1, 12, 0, 30, 0, time.UTC)

// allocated returns the bytes that 100 messages or pairs of them take at an
// identity of n ids.
func allocated(t *testing.T, n int, observed bool, messages func(i int) []step) uint64 {
	identity := largeIdentity(n)
	identity.UpdatedAt = middle
	opts := []altertabletest.Option{altertabletest.WithoutListener(), altertabletest.WithHistory(10), altertabletest.WithIdentities(identity)}
	if observed {
		opts = append(opts, altertabletest.WithObserver(func(altertabletest.Change) {}))
	}
	srv := altertabletest.NewServer(opts...)
	defer srv.Close()
	c := caller{t, srv.HTTPClient(), srv.URL}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 100 {
		for _, s := range messages(i) {
			status, _ := c.post(s.path, s.body)
			assert.Equal(t, 200, status)
		}
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// The largest body of aliases of one user, and as many persons with links.
func TestLargeBodiesOfOneUser(t *testing.T) {
	const n = 20_000
	o := observe(t)
	status, answer := o.post("/alias", manyAliases(n))
	assert.Equal(t, 200, status, answer)
	assert.Len(t, o.changes, n+1)
	assert.Equal(t, n+1, o.changes[n-1].Update.IDs)
	var links strings.Builder
	for i := range n {
		fmt.Fprintf(&links, `,{"environment":"production","distinct_id":"u","anonymous_id":"%d"}`, i)
	}
	status, answer = o.post("/identify", "["+links.String()[1:]+"]")
	assert.Equal(t, 200, status, answer)
	identity, _ := o.srv.Identity("production", "u")
	assert.Len(t, identity.Aliases, n)
	assert.Len(t, identity.AnonymousIDs, n)
	assert.Equal(t, []string{"a-0", "a-1"}, identity.Aliases[:2])
	assert.Equal(t, []string{"0", "1"}, identity.AnonymousIDs[:2])
}
