package altertable_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestCommonPropertiesComeInOneOrder(t *testing.T) {
	const want = `"properties":{"a":1,"b":2,"c":3,"$lib":"altertable-go","$lib_version":"` + altertable.Version + `","$release":"v1","$ip":0}`
	for range 20 { // clients, each of which iterates over maps in an order of its own
		client, srv, _ := newClient(t, altertable.WithRelease("v1"), altertable.WithDefaultProperties(altertable.Properties{"c": 3, "a": 1, "b": 2}))
		track(t, client, "e")
		require.NoError(t, client.Flush(t.Context()))
		assert.Contains(t, string(srv.Requests()[0].Body), want)
	}
}

func TestTheCallersPropertiesWin(t *testing.T) {
	defaults := altertable.Properties{"region": "eu", "$lib": "own", "tier": 1}
	options := []altertable.Option{altertable.WithDefaultProperties(defaults), altertable.WithRelease("v1")}
	assert.Equal(t, object{"region": "eu", "$lib": "own", "tier": 1.0, "$lib_version": altertable.Version, "$release": "v1", "$ip": 0.0},
		wireOfTrack(t, event("e"), options...)["properties"])
	assert.Equal(t, object{"region": "us", "$lib": "mine", "tier": 1.0, "$lib_version": "2", "$release": nil, "$ip": "192.0.2.1"},
		wireOfTrack(t, altertable.Track{Event: "e", DistinctID: "u_1", Properties: altertable.Properties{
			"region": "us", "$lib": "mine", "$lib_version": "2", "$release": nil, "$ip": "192.0.2.1",
		}}, options...)["properties"])
	properties := wireOfTrack(t, event("e"), altertable.WithEventIDs(), altertable.WithDefaultProperties(altertable.Properties{"$event_id": "own"}))["properties"]
	assert.Equal(t, "own", properties.(object)["$event_id"])
	client, srv, _ := newClient(t, options...)
	defaults["region"] = "changed"
	track(t, client, "e")
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, "eu", srv.Events()[0].Properties["region"], "New copied them")
}

func TestEventIDs(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithEventIDs(), altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond}))
	srv.Next(1, altertabletest.Reset().AfterStoring())
	track(t, client, "e0", "e1")
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e2", DistinctID: "u_1", Properties: altertable.Properties{"$event_id": "own"}}))
	require.NoError(t, client.Flush(t.Context()))
	ids := map[any]int{}
	for _, e := range srv.Events() {
		ids[e.Properties["$event_id"]]++
		if e.Event != "e2" {
			id, err := uuid.Parse(e.Properties["$event_id"].(string))
			require.NoError(t, err)
			assert.EqualValues(t, 7, id.Version())
		}
	}
	assert.Len(t, ids, 3)
	for _, n := range ids {
		assert.Equal(t, 2, n, "the same when it was sent again")
	}
	assert.Equal(t, 2, ids["own"])
}

func TestTextOfAnyKindArrives(t *testing.T) {
	for sent, arrives := range map[string]string{
		"\U0001F600 \x00\x1f\x7f\u2028 <&>\"\\": "\U0001F600 \x00\x1f\x7f\u2028 <&>\"\\",
		"a\xffb\xc3":                            "a\ufffdb\ufffd",
	} {
		m := wireOfTrack(t, altertable.Track{Event: sent, DistinctID: "u_1", Properties: altertable.Properties{sent: []string{sent}}})
		assert.Equal(t, arrives, m["event"])
		assert.Equal(t, []any{arrives}, m["properties"].(object)[arrives])
	}
}

// A map that is written in the call stays on the caller's stack.
func TestMapsInTheCallAreNotMoved(t *testing.T) {
	client := newBenchClient(t, hung{}, altertable.WithFlushInterval(1<<40))
	ctx := altertable.ContextWithVisitor(t.Context(), altertable.Visitor{AnonymousID: "anonymous-1"})
	n := 0
	for name, call := range map[string]func() error{
		"track": func() error {
			return client.Track(ctx, altertable.Track{Event: "e", DistinctID: "u_1", Properties: altertable.Properties{
				"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3, "trial": false, "coupon": "WELCOME10", "seats": 5,
			}})
		},
		"identify": func() error {
			return client.Identify(ctx, altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"plan": "pro", "seats": 5}})
		},
	} {
		assert.Zero(t, testing.AllocsPerRun(5000, func() {
			n++
			if err := call(); err != nil {
				t.Error(err)
			}
		}), name)
	}
}
