package altertabletest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// An observed server keeps what its observer is told.
type observed struct {
	caller
	srv     *altertabletest.Server
	mu      sync.Mutex
	changes []altertabletest.Change
}

func observe(t *testing.T, opts ...altertabletest.Option) *observed {
	o := &observed{}
	opts = append(opts, altertabletest.WithoutListener(), altertabletest.WithObserver(func(change altertabletest.Change) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.changes = append(o.changes, change)
	}))
	o.srv = altertabletest.NewServer(opts...)
	t.Cleanup(o.srv.Close)
	o.caller = caller{t, o.srv.HTTPClient(), o.srv.URL}
	return o
}

// send sends one identify or alias and returns what the observer is told of it.
func (o *observed) send(s step) altertabletest.Update {
	o.t.Helper()
	o.mu.Lock()
	o.changes = nil
	o.mu.Unlock()
	status, answer := o.post(s.path, s.body)
	require.Equal(o.t, 200, status, answer)
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Len(o.t, o.changes, 2)
	require.NotNil(o.t, o.changes[0].Update)
	require.NotNil(o.t, o.changes[1].Request)
	return *o.changes[0].Update
}

func identifyStep(id, anonymous string, second int) step {
	return step{"/identify", identifyBody(id, anonymous, second, "")}
}

func aliasStep(from, to string) step { return step{"/alias", aliasBody(from, to)} }

// What an Update says of ids, for every kind of link and merge. The last step is
// the one that is looked at.
func TestUpdateSaysWhoOwnsWhat(t *testing.T) {
	tests := []struct {
		name   string
		steps  []step
		owner  string
		linked bool
		former []string
		ids    int
	}{
		{"new user", []step{identifyStep("u", "", 1)}, "u", false, nil, 1},
		{"known user", []step{identifyStep("u", "", 1), identifyStep("u", "", 2)}, "u", false, nil, 1},
		{"new user with a new anonymous id", []step{identifyStep("u", "anon", 1)}, "u", true, nil, 2},
		{"known user with a new anonymous id", []step{identifyStep("u", "", 1), identifyStep("u", "anon", 2)}, "u", true, nil, 2},
		{"anonymous id of the user already", []step{identifyStep("u", "anon", 1), identifyStep("u", "anon", 2)}, "u", true, nil, 2},
		{"anonymous id is the user's own", []step{identifyStep("u", "u", 1)}, "u", true, nil, 1},
		{"anonymous id is an alias of the user's", []step{aliasStep("old", "u"), identifyStep("u", "old", 1)}, "u", true, nil, 2},
		{"anonymous id of another user", []step{identifyStep("u", "anon", 1), identifyStep("v", "anon", 2)}, "v", false, nil, 1},
		{"anonymous id is an alias of another user's", []step{aliasStep("old", "u"), identifyStep("v", "old", 2)}, "v", false, nil, 1},
		{"anonymous id was identified", []step{identifyStep("anon", "", 1), identifyStep("u", "anon", 2)}, "u", true, []string{"anon"}, 2},
		{"anonymous id was identified and has ids", []step{identifyStep("anon", "a", 1), aliasStep("b", "anon"), identifyStep("u", "", 1), identifyStep("u", "anon", 2)},
			"u", true, []string{"anon"}, 4},
		{"ignored, and links", []step{identifyStep("u", "", 2), identifyStep("u", "anon", 1)}, "u", true, nil, 2},
		{"by an anonymous id", []step{identifyStep("u", "anon", 1), identifyStep("anon", "", 2)}, "u", false, nil, 2},
		{"by an anonymous id, with another", []step{identifyStep("u", "anon", 1), identifyStep("anon", "other", 2)}, "u", true, nil, 3},
		{"by a former id", []step{aliasStep("a", "b"), identifyStep("a", "", 1)}, "b", false, nil, 2},
		{"by a former id, with an identified anonymous id", []step{aliasStep("a", "b"), identifyStep("anon", "", 1), identifyStep("a", "anon", 1)}, "b", true, []string{"anon"}, 3},
		{"alias of two new ids", []step{aliasStep("a", "b")}, "b", false, nil, 2},
		{"alias of a new id to a known one", []step{identifyStep("b", "", 1), aliasStep("a", "b")}, "b", false, nil, 2},
		{"alias of a known id to a new one", []step{identifyStep("a", "", 1), aliasStep("a", "b")}, "b", false, []string{"a"}, 2},
		{"alias of a known id with others to a new one", []step{identifyStep("a", "x", 1), identifyStep("a", "y", 2), aliasStep("a", "b")}, "b", false, []string{"a"}, 4},
		{"alias of two known ids", []step{identifyStep("a", "x", 1), identifyStep("b", "", 2), aliasStep("a", "b")}, "b", false, []string{"a"}, 3},
		{"alias by an anonymous id", []step{identifyStep("a", "x", 1), aliasStep("x", "b")}, "b", false, []string{"a"}, 3},
		{"alias to an anonymous id", []step{identifyStep("a", "x", 1), aliasStep("b", "x")}, "a", false, nil, 3},
		{"alias to a former id", []step{aliasStep("a", "b"), identifyStep("c", "", 1), aliasStep("c", "a")}, "b", false, []string{"c"}, 3},
		{"alias again", []step{aliasStep("a", "b"), aliasStep("a", "b")}, "b", false, nil, 2},
		{"alias back", []step{aliasStep("a", "b"), aliasStep("b", "a")}, "b", false, nil, 2},
		{"alias of oneself", []step{aliasStep("a", "a")}, "a", false, nil, 1},
		{"chain", []step{aliasStep("a", "b"), aliasStep("b", "c"), aliasStep("a", "d")}, "d", false, []string{"c"}, 4},
		{"alias to an empty id", []step{identifyStep("a", "", 1), aliasStep("a", "")}, "", false, []string{"a"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := observe(t)
			var u altertabletest.Update
			for _, s := range tt.steps {
				u = o.send(s)
			}
			assert.Equal(t, tt.owner, u.IdentityID)
			assert.Equal(t, tt.linked, u.Linked)
			assert.Equal(t, tt.former, u.Former)
			assert.Equal(t, tt.ids, u.IDs)
			assert.Equal(t, tt.steps[len(tt.steps)-1].path == "/alias", u.Alias)
		})
	}
}

func TestUpdateSaysWhetherTheTraitsCount(t *testing.T) {
	noon := time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name    string
		steps   []step
		before  time.Time
		ignored bool
	}{
		{"first", []step{identifyStep("u", "", 1)}, time.Time{}, false},
		{"newer", []step{identifyStep("u", "", 1), identifyStep("u", "", 2)}, noon.Add(time.Second), false},
		{"equal", []step{identifyStep("u", "", 1), identifyStep("u", "", 1)}, noon.Add(time.Second), true},
		{"older", []step{identifyStep("u", "", 2), identifyStep("u", "", 1)}, noon.Add(2 * time.Second), true},
		{"older, and known by an alias", []step{identifyStep("u", "anon", 2), identifyStep("anon", "", 1)}, noon.Add(2 * time.Second), true},
		{"without a timestamp", []step{identifyStep("u", "", 2), identifyStep("u", "", -1)}, noon.Add(2 * time.Second), false},
		{"without a timestamp, after one of the future", []step{{"/identify", `{"environment":"production","distinct_id":"u","timestamp":"2999-01-01T00:00:00Z"}`}, identifyStep("u", "", -1)},
			time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"timestamp is null", []step{identifyStep("u", "", 2), {"/identify", `{"environment":"production","distinct_id":"u","timestamp":null}`}}, noon.Add(2 * time.Second), false},
		{"only an alias before", []step{aliasStep("a", "u"), identifyStep("u", "", 1)}, time.Time{}, false},
		{"an anonymous id that was identified later", []step{identifyStep("anon", "", 5), identifyStep("u", "anon", 1)}, time.Time{}, false},
		{"after the merge with a later one", []step{identifyStep("anon", "", 5), identifyStep("u", "anon", 1), identifyStep("u", "", 2)}, noon.Add(5 * time.Second), true},
		{"alias to a known id", []step{identifyStep("a", "", 7), identifyStep("u", "", 3), aliasStep("a", "u")}, noon.Add(3 * time.Second), false},
		{"alias to a new id", []step{identifyStep("a", "", 7), aliasStep("a", "u")}, time.Time{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := observe(t)
			var u altertabletest.Update
			for _, s := range tt.steps {
				u = o.send(s)
			}
			assert.Equal(t, tt.before, u.Before)
			assert.Equal(t, tt.ignored, u.Ignored)
		})
	}
}

func TestUpdateHasTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(t)
		now := time.Now().UTC().Round(0)
		assert.Equal(t, altertabletest.Update{
			Environment: "staging", DistinctID: "u", AnonymousID: "anon", DeviceID: "device-1",
			Traits:    map[string]any{"plan": "pro", "n": 1.0},
			Timestamp: time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC), ReceivedAt: now,
			IdentityID: "u", Linked: true, IDs: 2,
		}, o.send(step{"/identify", `{"environment":"staging","distinct_id":"u","anonymous_id":"anon","device_id":"device-1","traits":{"plan":"pro","n":1},"timestamp":"2023-01-01T14:00:00+02:00"}`}))
		assert.Equal(t, altertabletest.Update{
			Environment: "staging", Alias: true, DistinctID: "u", NewUserID: "v",
			Timestamp: now, ReceivedAt: now,
			IdentityID: "v", Former: []string{"u"}, IDs: 3,
		}, o.send(step{"/alias", `{"environment":"staging","distinct_id":"u","new_user_id":"v","anonymous_id":"a","traits":{"a":1}}`}))
		for _, traits := range []string{``, `,"traits":null`} {
			u := o.send(step{"/identify", `{"environment":"staging","distinct_id":"v"` + traits + `}`})
			assert.Nil(t, u.Traits)
			assert.Equal(t, now, u.Timestamp)
		}
		assert.NotNil(t, o.send(step{"/identify", `{"environment":"staging","distinct_id":"v","traits":{}}`}).Traits)
	})
}

// What the observer gets shares nothing with what the server keeps.
func TestObserverOwnsWhatItGets(t *testing.T) {
	o := observe(t)
	u := o.send(step{"/identify", identifyBody("u1", "", 1, `"plan":"pro","o":{"l":[1,{"x":1}]}`)})
	u.Traits["o"].(map[string]any)["l"].([]any)[1].(map[string]any)["x"] = "changed"
	delete(u.Traits, "plan")
	want := map[string]any{"plan": "pro", "o": map[string]any{"l": []any{1.0, map[string]any{"x": 1.0}}}}
	identity, _ := o.srv.Identity("production", "u1")
	assert.Equal(t, want, identity.Traits)

	o.changes = nil
	o.post("/track", strings.Replace(validTrack, "{}", `{"l":[1]}`, 1))
	event := o.changes[0].Event
	event.Properties["l"].([]any)[0] = "changed"
	event.IdentityTraits["plan"] = "changed"
	assert.Equal(t, map[string]any{"l": []any{1.0}}, o.srv.Events()[0].Properties)
	assert.Equal(t, want, o.srv.Events()[0].IdentityTraits)
}

// An event is told without the traits, whose size is not its own.
func TestObservedEventSaysWhoseItIs(t *testing.T) {
	o := observe(t)
	o.post("/track", validTrack)
	assert.Equal(t, "u1", o.changes[0].Event.IdentityID)
	assert.Nil(t, o.changes[0].Event.IdentityTraits)
	o.send(step{"/identify", identifyBody("u2", "u1", 1, `"plan":"pro"`)})
	o.changes = nil
	o.post("/track", validTrack)
	assert.Equal(t, "u2", o.changes[0].Event.IdentityID)
	assert.Equal(t, map[string]any{}, o.changes[0].Event.IdentityTraits)
}

func TestObserverIsToldOfAReset(t *testing.T) {
	o := observe(t)
	o.post("/identify", validIdentify)
	o.srv.Reset()
	assert.Equal(t, altertabletest.Change{Reset: true}, o.changes[len(o.changes)-1], "when Reset returns")
	u := o.send(step{"/identify", validIdentify})
	assert.Zero(t, u.Before)
	assert.Equal(t, 1, u.IDs)
}

// Whoever counts what the observer is told, and forgets it at a Reset, has what
// the server has.
func TestResetsAreInOrder(t *testing.T) {
	o := observe(t)
	var workers sync.WaitGroup
	for n := range 4 {
		workers.Go(func() {
			for i := range 50 {
				o.post("/track", validTrack)
				if i%10 == n {
					o.srv.Reset()
				}
			}
		})
	}
	workers.Wait()
	events, resets := 0, 0
	for _, change := range o.changes {
		switch {
		case change.Event != nil:
			events++
		case change.Reset:
			events = 0
			resets++
		}
	}
	assert.Equal(t, 20, resets)
	assert.Len(t, o.srv.Events(), events)
}

// A request whose answer is withheld is told of when it ends, also after a Reset.
func TestResetDuringARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(t)
		rule := o.srv.Next(1, altertabletest.Hang().AfterStoring())
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.post("/track", validTrack)
		}()
		synctest.Wait()
		o.srv.Reset()
		rule.Release()
		<-done
		var got []string
		for _, change := range o.changes {
			got = append(got, fmt.Sprintf("%t %t %t", change.Event != nil, change.Reset, change.Request != nil))
		}
		assert.Equal(t, []string{"true false false", "false true false", "false false true"}, got)
		assert.Empty(t, o.srv.Events())
	})
}
