package altertabletest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// at is an instant of the tests' day, as it is on the wire.
func at(second int) string {
	return time.Date(2023, 1, 1, 12, 0, second, 0, time.UTC).Format(time.RFC3339)
}

func identifyBody(id, anonymous string, second int, traits string) string {
	body := fmt.Sprintf(`{"environment":"production","distinct_id":%q,"traits":{%s}`, id, traits)
	if anonymous != "" {
		body += fmt.Sprintf(`,"anonymous_id":%q`, anonymous)
	}
	if second >= 0 {
		body += fmt.Sprintf(`,"timestamp":%q`, at(second))
	}
	return body + "}"
}

func aliasBody(from, to string) string {
	return fmt.Sprintf(`{"environment":"production","distinct_id":%q,"new_user_id":%q}`, from, to)
}

// A step is one request of a scenario.
type step struct{ path, body string }

func TestIdentities(t *testing.T) {
	identify := func(id, anonymous string, second int, traits string) step {
		return step{"/identify", identifyBody(id, anonymous, second, traits)}
	}
	alias := func(from, to string) step { return step{"/alias", aliasBody(from, to)} }
	type traits = map[string]any
	type want struct {
		id, anonymous, aliases string
		traits                 traits
	}
	tests := []struct {
		name  string
		steps []step
		want  []want
	}{
		{"traits merge", []step{identify("u", "", 1, `"a":1,"o":{"x":1}`), identify("u", "", 2, `"b":2,"o":{"y":2}`)},
			[]want{{"u", "", "", traits{"a": 1.0, "b": 2.0, "o": map[string]any{"y": 2.0}}}}},
		{"an older one is lost", []step{identify("u", "", 2, `"a":2`), identify("u", "", 1, `"a":1,"b":1`)},
			[]want{{"u", "", "", traits{"a": 2.0}}}},
		{"an equal one is lost", []step{identify("u", "", 1, `"a":1`), identify("u", "", 1, `"a":2`)},
			[]want{{"u", "", "", traits{"a": 1.0}}}},
		{"an older one still links", []step{identify("u", "", 2, `"a":2`), identify("u", "anon", 1, `"a":1`)},
			[]want{{"u", "anon", "", traits{"a": 2.0}}}},
		{"one without a timestamp counts from its arrival", []step{identify("u", "", -1, `"a":1`), identify("u", "", 59, `"a":2`)},
			[]want{{"u", "", "", traits{"a": 1.0}}}},
		{"one without a timestamp always counts", []step{{"/identify", `{"environment":"production","distinct_id":"u","traits":{"a":1,"b":1},"timestamp":"2999-01-01T00:00:00Z"}`},
			identify("u", "", -1, `"a":2`), identify("u", "", -1, `"b":2`), identify("u", "", 59, `"a":3`)},
			[]want{{"u", "", "", traits{"a": 2.0, "b": 2.0}}}},
		{"own id as anonymous id", []step{identify("u", "u", 1, `"a":1`)},
			[]want{{"u", "", "", traits{"a": 1.0}}}},
		{"an anonymous id stays with its first user", []step{identify("u", "anon", 1, `"a":1`), identify("v", "anon", 2, `"a":2`)},
			[]want{{"u", "anon", "", traits{"a": 1.0}}, {"v", "", "", traits{"a": 2.0}}}},
		{"an identified anonymous id is merged", []step{identify("anon", "", 5, `"a":5,"b":5`), identify("u", "anon", 1, `"a":1,"c":1`)},
			[]want{{"u", "anon", "", traits{"a": 5.0, "b": 5.0, "c": 1.0}}}},
		{"identify by an anonymous id", []step{identify("u", "anon", 1, `"a":1`), identify("anon", "", 2, `"b":2`)},
			[]want{{"u", "anon", "", traits{"a": 1.0, "b": 2.0}}}},
		{"alias of nobody yet", []step{alias("old", "u"), identify("old", "", 1, `"a":1`)},
			[]want{{"u", "", "old", traits{"a": 1.0}}}},
		{"alias keeps the newer trait, from old", []step{identify("old", "anon", 5, `"a":5,"b":5`), identify("u", "", 1, `"a":1,"c":1`), alias("old", "u")},
			[]want{{"u", "anon", "old", traits{"a": 5.0, "b": 5.0, "c": 1.0}}}},
		{"alias keeps the newer trait, of new", []step{identify("old", "", 1, `"a":1,"b":1`), identify("u", "", 5, `"a":5`), alias("old", "u"), identify("u", "", 4, `"a":4`)},
			[]want{{"u", "", "old", traits{"a": 5.0, "b": 1.0}}}},
		{"alias at a tie keeps the trait of new, which has fewer ids", []step{identify("old", "anon", 1, `"a":1,"b":1`), identify("u", "", 1, `"a":2`), alias("old", "u")},
			[]want{{"u", "anon", "old", traits{"a": 2.0, "b": 1.0}}}},
		{"alias at a tie keeps the trait of new, which has more ids", []step{identify("old", "", 1, `"a":1,"b":1`), identify("u", "anon", 1, `"a":2`), alias("old", "u")},
			[]want{{"u", "anon", "old", traits{"a": 2.0, "b": 1.0}}}},
		{"alias twice, and back", []step{alias("old", "u"), alias("old", "u"), alias("u", "old")},
			[]want{{"u", "", "old", traits{}}}},
		{"chain of aliases", []step{identify("a", "", 1, `"a":1`), alias("a", "b"), alias("b", "c"), identify("a", "", 2, `"c":1`)},
			[]want{{"c", "", "a b", traits{"a": 1.0, "c": 1.0}}}},
		{"alias of oneself", []step{alias("u", "u")}, []want{{"u", "", "", traits{}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := altertabletest.NewServer()
			defer srv.Close()
			c := caller{t, srv.HTTPClient(), srv.URL}
			for _, s := range tt.steps {
				status, _ := c.post(s.path, s.body)
				require.Equal(t, 200, status)
			}
			var got []want
			for _, i := range srv.Identities() {
				got = append(got, want{i.DistinctID, strings.Join(i.AnonymousIDs, " "), strings.Join(i.Aliases, " "), i.Traits})
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestEventsFollowTheirIdentity(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	c := caller{t, srv.HTTPClient(), srv.URL}
	track := func(id string) { c.post("/track", strings.Replace(validTrack, "u1", id, 1)) }
	track("anon")
	assert.Nil(t, srv.Events()[0].IdentityTraits)
	assert.Equal(t, "anon", srv.Events()[0].IdentityID)

	c.post("/identify", identifyBody("u1", "anon", 1, `"plan":"pro"`))
	track("anon")
	track("u1")
	track("stranger")
	c.post("/alias", aliasBody("u1", "stripe:cus_1"))
	track("u1")
	var ids, plans []any
	for _, e := range srv.Events() {
		ids, plans = append(ids, e.IdentityID), append(plans, e.IdentityTraits["plan"])
	}
	assert.Equal(t, []any{"stripe:cus_1", "stripe:cus_1", "stripe:cus_1", "stranger", "stripe:cus_1"}, ids)
	assert.Equal(t, []any{"pro", "pro", "pro", nil, "pro"}, plans)
}

func TestEnvironmentsAreApart(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	c := caller{t, srv.HTTPClient(), srv.URL}
	c.post("/identify", validIdentify)
	c.post("/identify", strings.ReplaceAll(strings.ReplaceAll(validIdentify, "production", "staging"), "pro\"", "free\""))
	identities := srv.Identities()
	require.Len(t, identities, 2)
	assert.Equal(t, "production", identities[0].Environment)
	assert.Equal(t, map[string]any{"plan": "free"}, identities[1].Traits)
	_, ok := srv.Identity("staging", "u1")
	assert.True(t, ok)
	_, ok = srv.Identity("nowhere", "u1")
	assert.False(t, ok)
}

func TestIdentitySnapshot(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	c := caller{t, srv.HTTPClient(), srv.URL}
	for _, device := range []string{"device-2", "device-1", "device-2"} {
		r := c.request(context.Background(), "/identify", fmt.Sprintf(
			`{"environment":"production","distinct_id":"u1","device_id":%q,"traits":{"plan":"pro"},"timestamp":%q}`, device, at(3)))
		_, _, err := c.do(r)
		require.NoError(t, err)
	}
	identity, ok := srv.Identity("production", "u1")
	require.True(t, ok)
	assert.Equal(t, []string{"device-2", "device-1"}, identity.DeviceIDs)
	assert.Equal(t, time.Date(2023, 1, 1, 12, 0, 3, 0, time.UTC), identity.UpdatedAt)
	assert.False(t, identity.CreatedAt.IsZero())
	identity.Traits["plan"] = "changed"
	assert.Equal(t, "pro", srv.Identities()[0].Traits["plan"])
}

func TestWithIdentities(t *testing.T) {
	first := altertabletest.NewServer()
	defer first.Close()
	c := caller{t, first.HTTPClient(), first.URL}
	for _, s := range []step{
		{"/identify", identifyBody("b", "", 1, `"n":12345678901234567890,"o":{"l":[1]}`)},
		{"/identify", strings.Replace(identifyBody("u", "anon-2", 5, `"plan":"pro"`), "{", `{"device_id":"device-2",`, 1)},
		{"/identify", strings.Replace(identifyBody("u", "anon-1", 3, `"plan":"old"`), "{", `{"device_id":"device-1",`, 1)},
		{"/alias", aliasBody("crm", "u")},
		{"/alias", aliasBody("only", "linked")},
		{"/identify", strings.ReplaceAll(identifyBody("u", "", 1, ""), "production", "staging")},
	} {
		status, _ := c.post(s.path, s.body)
		require.Equal(t, 200, status)
	}
	identities := first.Identities()
	require.Len(t, identities, 4)

	second := altertabletest.NewServer(altertabletest.WithIdentities(first.Identities()[:1]...), altertabletest.WithIdentities(identities[1:]...))
	defer second.Close()
	assert.Equal(t, first.Identities(), second.Identities())

	// From here on the two servers agree about whatever comes.
	identities[1].Traits["plan"] = "changed"
	both := []caller{c, {t, second.HTTPClient(), second.URL}}
	for _, s := range []step{
		{"/identify", identifyBody("u", "", 5, `"plan":"equal"`)},
		{"/identify", identifyBody("anon-1", "", 6, `"by":"anonymous id"`)},
		{"/identify", identifyBody("b", "anon-2", 7, `"taken":true`)},
		{"/alias", aliasBody("crm", "b")},
		{"/identify", identifyBody("linked", "", 1, `"first":true`)},
		{"/identify", strings.ReplaceAll(identifyBody("u", "", 2, `"staging":true`), "production", "staging")},
	} {
		for _, c := range both {
			status, _ := c.post(s.path, s.body)
			require.Equal(t, 200, status)
		}
	}
	want, got := first.Identities(), second.Identities()
	assert.Equal(t, want, got)
	require.NotEmpty(t, got)
	assert.Equal(t, "pro", got[0].Traits["plan"])

	second.Reset()
	assert.Empty(t, second.Identities())
}

func TestWithIdentitiesThatShareAnID(t *testing.T) {
	one := altertabletest.Identity{Environment: "production", DistinctID: "u", AnonymousIDs: []string{"anon"}}
	other := altertabletest.Identity{Environment: "production", DistinctID: "anon"}
	assert.PanicsWithValue(t, `altertabletest: WithIdentities: id "anon" is there twice`, func() {
		altertabletest.NewServer(altertabletest.WithIdentities(one, other), altertabletest.WithoutListener())
	})
	other.Environment = "staging"
	altertabletest.NewServer(altertabletest.WithIdentities(one, other)).Close()
}

func TestWithoutListener(t *testing.T) {
	srv := altertabletest.NewServer(altertabletest.WithoutListener())
	defer srv.Close()
	assert.Equal(t, "http://localhost", srv.URL)
	status, _ := caller{t, srv.HTTPClient(), srv.URL}.post("/track", validTrack)
	assert.Equal(t, 200, status)

	outer := httptest.NewServer(srv.Handler())
	defer outer.Close()
	status, _ = caller{t, outer.Client(), outer.URL}.post("/track", validTrack)
	assert.Equal(t, 200, status)
	assert.Len(t, srv.Events(), 2)
}
