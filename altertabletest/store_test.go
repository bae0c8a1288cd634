package altertabletest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// none are the ways to send no id.
var none = map[string]string{"absent": "", "null": `%q:null,`, "empty": `%q:"",`}

func trackBody(fields string) string {
	return `{"environment":"production",` + fields + `"event":"page_viewed","properties":{}}`
}

func TestEventWithoutADistinctID(t *testing.T) {
	for name, format := range none {
		noID := ""
		if format != "" {
			noID = fmt.Sprintf(format, "distinct_id")
		}
		t.Run(name, func(t *testing.T) {
			o := observe(t)
			for _, fields := range []string{noID + `"anonymous_id":"anon",`, noID, noID + `"anonymous_id":"stranger",`, noID + `"device_id":"device-1",`} {
				status, answer := o.post("/track", trackBody(fields))
				require.Equal(t, 200, status, answer)
			}
			check := func(owner string, traits map[string]any) {
				t.Helper()
				var owners []string
				for _, e := range o.srv.Events() {
					assert.Empty(t, e.DistinctID)
					owners = append(owners, e.IdentityID)
				}
				assert.Equal(t, []string{owner, "", "stranger", ""}, owners)
				assert.Equal(t, traits, o.srv.Events()[0].IdentityTraits)
				for _, e := range o.srv.Events()[1:] {
					assert.Nil(t, e.IdentityTraits)
				}
			}
			check("anon", nil)
			// Whoever is identified without an id has none of these events.
			o.post("/identify", identifyBody("", "", 1, `"nobody":true`))
			o.post("/alias", aliasBody("", "crm"))
			check("anon", nil)
			o.post("/identify", identifyBody("u1", "anon", 1, `"plan":"pro"`))
			check("u1", map[string]any{"plan": "pro"})
			o.post("/alias", aliasBody("u1", "u2"))
			check("u2", map[string]any{"plan": "pro"})
			o.post("/track", trackBody(noID+`"anonymous_id":"anon",`))
			o.post("/track", trackBody(noID))
			var told []string
			for _, change := range o.changes {
				if e := change.Event; e != nil {
					told = append(told, fmt.Sprintf("%q %q %t", e.DistinctID, e.IdentityID, e.IdentityTraits != nil))
				}
			}
			assert.Equal(t, []string{`"" "anon" false`, `"" "" false`, `"" "stranger" false`, `"" "" false`, `"" "u2" true`, `"" "" false`}, told)
		})
	}
}

// The distinct_id says whose an event is, whatever the anonymous_id would say.
func TestEventWithBothIDs(t *testing.T) {
	o := observe(t)
	o.post("/identify", identifyBody("u1", "anon", 1, `"plan":"pro"`))
	o.post("/track", trackBody(`"distinct_id":"u2","anonymous_id":"anon",`))
	assert.Equal(t, "u2", o.srv.Events()[0].IdentityID)
	assert.Nil(t, o.srv.Events()[0].IdentityTraits)
}

// An empty id of a message counts as none where an id is optional, and is an id
// like any other where one is required.
func TestEmptyIDs(t *testing.T) {
	o := observe(t)
	for _, s := range []step{
		{"/identify", `{"environment":"production","distinct_id":"u1","anonymous_id":"","device_id":"","traits":{}}`},
		{"/identify", `{"environment":"production","distinct_id":"u2","anonymous_id":"","device_id":"","traits":{}}`},
		{"/identify", `{"environment":"production","distinct_id":"","traits":{"a":1}}`},
		{"/identify", `{"environment":"production","distinct_id":"","traits":{"b":1}}`},
	} {
		u := o.send(s)
		assert.False(t, u.Linked)
		assert.Empty(t, u.Former)
	}
	var got []string
	for _, i := range o.srv.Identities() {
		assert.Empty(t, i.AnonymousIDs)
		assert.Empty(t, i.DeviceIDs)
		got = append(got, fmt.Sprintf("%q %d", i.DistinctID, len(i.Traits)))
	}
	assert.Equal(t, []string{`"u1" 0`, `"u2" 0`, `"" 2`}, got)
	u := o.send(aliasStep("", "u1"))
	assert.Equal(t, []string{""}, u.Former)
	u = o.send(aliasStep("u3", ""))
	assert.Equal(t, "u1", u.IdentityID)
}

// An event without a distinct_id is found by whom it belongs to, and listed as
// what it is.
func TestRequireEventWithoutADistinctID(t *testing.T) {
	o := observe(t)
	o.post("/track", trackBody(`"anonymous_id":"anon",`))
	o.post("/track", trackBody(``))
	o.post("/identify", identifyBody("u1", "anon", 1, `"plan":"pro"`))
	for _, want := range []altertabletest.Want{
		{AnonymousID: "anon"}, {IdentityID: "u1"}, {IdentityTraits: altertable.Traits{"plan": "pro"}},
	} {
		assert.Equal(t, "anon", o.srv.RequireEvent(t, want).AnonymousID)
	}
	o.srv.RequireNoEvent(t, altertabletest.Want{DistinctID: "anon"})
	o.srv.RequireNoEvent(t, altertabletest.Want{IdentityID: "anon"})
	got := failure(t, func(t testing.TB) { o.srv.RequireEvent(t, altertabletest.Want{DistinctID: "u1", AnonymousID: "anon"}) })
	assert.Equal(t, `altertabletest: no event matches, want exactly one
	messages may still be queued: Flush the client first
	want: distinct_id "u1", anonymous_id "anon"
	closest is event 1:
		distinct_id is missing, want "u1"
	there are 2 events:
		1. "page_viewed" by anonymous_id "anon", identity "u1" {}
		2. "page_viewed" by nobody {}`, got)
	got = failure(t, func(t testing.TB) { o.srv.RequireEvent(t, altertabletest.Want{IdentityID: "u2"}) })
	assert.Contains(t, got, `identity is "u1", want "u2"`)
	assert.Equal(t, 1, strings.Count(got, `anonymous_id "anon"`))
}
