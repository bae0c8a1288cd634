package altertable_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// Most errors have no exported fields, so encoding/json makes {} of them.
func TestErrorsArriveAsTheirText(t *testing.T) {
	failed := errors.New("connection refused")
	var none *altertable.APIError
	m := wireOfTrack(t, altertable.Track{Event: "e", DistinctID: "u_1", Properties: altertable.Properties{
		"error": failed, "wrapped": fmt.Errorf("pay: %w", failed), "own": &altertable.APIError{StatusCode: 503}, "none": none, "nil": error(nil),
		"list": []error{failed, nil}, "map": map[string]error{"a": failed}, "struct": struct{ Err error }{failed}, "time": time.Unix(0, 0).UTC(),
	}}, altertable.WithDefaultProperties(altertable.Properties{"default": failed}))
	properties := m["properties"].(object)
	for _, name := range []string{"$lib", "$lib_version", "$ip"} {
		delete(properties, name)
	}
	assert.Equal(t, object{
		"error": "connection refused", "wrapped": "pay: connection refused", "own": "altertable: server answered 503", "none": nil, "nil": nil,
		"list": []any{"connection refused", nil}, "map": object{"a": "connection refused"}, "struct": object{"Err": "connection refused"},
		"time": "1970-01-01T00:00:00Z", "default": "connection refused",
	}, properties)
	m = wire(t, func(c *altertable.Client) error {
		return c.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"last": failed}})
	})
	assert.Equal(t, object{"last": "connection refused"}, m["traits"])
}

// The server would refuse the whole request.
func TestWhatTheServersParserDoesNotTake(t *testing.T) {
	client, srv, _ := newClient(t)
	call := func(value any) error {
		return client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1", Properties: altertable.Properties{"value": value}})
	}
	nested := func(levels int) json.RawMessage {
		return json.RawMessage(strings.Repeat("[", levels) + strings.Repeat("]", levels))
	}
	require.NoError(t, call(nested(125)))
	require.NoError(t, call(json.RawMessage(`{"\ud800":"\udc00\ud83d\ude00"}`)))
	require.NoError(t, call(json.Number("1e308")))
	for reason, values := range map[string][]any{
		`"value" holds a cycle, or is nested too deeply`:       {nested(126), []any{nested(125)}},
		`"value" holds a number beyond the range of a float64`: {json.Number("1e400"), json.RawMessage("[-1e400]"), map[string]any{"a": json.Number("1E+309")}},
	} {
		for _, value := range values {
			var invalid *altertable.ValidationError
			require.ErrorAs(t, call(value), &invalid)
			assert.Equal(t, altertable.ValidationError{Field: "properties", Reason: reason}, *invalid)
		}
	}
	require.NoError(t, client.Flush(t.Context()))
	require.Len(t, srv.Requests(), 1)
	body := string(srv.Requests()[0].Body)
	assert.Contains(t, body, `"value":{"\ufffd":"\ufffd\ud83d\ude00"}`)
	open, deepest := 0, 0
	for _, c := range body {
		switch c {
		case '[', '{':
			open++
			deepest = max(deepest, open)
		case ']', '}':
			open--
		}
	}
	assert.Equal(t, 128, deepest, "batch, message and properties are levels, too")
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
		allocates(t, 0, func() {
			n++
			if err := call(); err != nil {
				t.Error(name, err)
			}
		})
	}
}
