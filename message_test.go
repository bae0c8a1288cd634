package altertable_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// wire sends what send accepts, and returns the message as it arrived.
func wire(t *testing.T, send func(*altertable.Client) error, opts ...altertable.Option) map[string]any {
	t.Helper()
	client, srv, _ := newClient(t, opts...)
	require.NoError(t, send(client))
	require.NoError(t, client.Flush(t.Context()))
	require.Len(t, srv.Requests(), 1)
	var messages []map[string]any
	require.NoError(t, json.Unmarshal(srv.Requests()[0].Body, &messages))
	require.Len(t, messages, 1)
	return messages[0]
}

func wireOfTrack(t *testing.T, e altertable.Track, opts ...altertable.Option) map[string]any {
	t.Helper()
	return wire(t, func(c *altertable.Client) error { return c.Track(t.Context(), e) }, opts...)
}

var noon = time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)

type object = map[string]any

// The fixtures of Altertable's client specification.
func TestFixtures(t *testing.T) {
	assert.Equal(t, object{
		"environment": "production", "event": "Button Clicked", "distinct_id": "user_123", "anonymous_id": "anon_abc123",
		"timestamp":  "2023-01-01T12:00:00.000Z",
		"properties": object{"color": "blue", "size": "large", "$lib": "altertable-go", "$lib_version": altertable.Version},
	}, wireOfTrack(t, altertable.Track{
		Event: "Button Clicked", DistinctID: "user_123", AnonymousID: "anon_abc123", Timestamp: noon,
		Properties: altertable.Properties{"color": "blue", "size": "large"},
	}, altertable.WithRequestIP()))
	assert.Equal(t, object{
		"environment": "production", "event": "Viewed Page", "distinct_id": "user_123", "timestamp": "2023-01-01T12:00:00.000Z",
		"properties": object{"$lib": "altertable-go", "$lib_version": altertable.Version, "$ip": 0.0},
	}, wireOfTrack(t, altertable.Track{Event: "Viewed Page", DistinctID: "user_123", Timestamp: noon}))
	assert.Equal(t, object{
		"environment": "production", "distinct_id": "user_123", "anonymous_id": "anon_abc123", "timestamp": "2023-01-01T12:00:00.000Z",
		"traits": object{"email": "user@example.com", "plan": "pro"},
	}, wire(t, func(c *altertable.Client) error {
		return c.Identify(t.Context(), altertable.Identify{
			DistinctID: "user_123", AnonymousID: "anon_abc123", Timestamp: noon,
			Traits: altertable.Traits{"email": "user@example.com", "plan": "pro"},
		})
	}))
	assert.Equal(t, object{
		"environment": "staging", "distinct_id": "anon_xyz789", "new_user_id": "user_456", "timestamp": "2023-01-01T12:00:00.000Z",
	}, wire(t, func(c *altertable.Client) error {
		return c.Alias(t.Context(), altertable.Alias{DistinctID: "anon_xyz789", NewUserID: "user_456", Timestamp: noon, Environment: "staging"})
	}))
}

func TestACallersStampIsSentAsGiven(t *testing.T) {
	for want, at := range map[string]time.Time{
		"1970-01-01T00:00:00.000Z":    time.Unix(0, 0),
		"2023-01-01T12:00:00.000Z":    noon.In(time.FixedZone("", 5*3600)),
		"2023-01-01T12:00:00.000001Z": noon.Add(1999),
		"0001-01-01T00:00:00.001Z":    time.Time{}.Add(time.Millisecond),
		"9999-12-31T23:59:59.999999Z": time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		assert.Equal(t, want, wireOfTrack(t, altertable.Track{Event: "e", DistinctID: "u_1", Timestamp: at})["timestamp"])
	}
	client, _, _ := newClient(t)
	for _, at := range []time.Time{time.Date(0, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(math.MaxInt64/2, 0), time.Unix(math.MinInt64/2, 0)} {
		var invalid *altertable.ValidationError
		require.ErrorAs(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1", Timestamp: at}), &invalid)
		assert.Equal(t, "timestamp", invalid.Field)
	}
}

func TestInvalidMessagesAreRefused(t *testing.T) {
	client, srv, l := newClient(t)
	for field, err := range map[string]error{
		"event":        client.Track(t.Context(), altertable.Track{Event: " ", DistinctID: "u_1"}),
		"anonymous_id": client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1", AnonymousID: "\xff"}),
		"device_id":    client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", DeviceID: strings.Repeat("x", 1025)}),
		"environment":  client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1", Environment: " "}),
		"new_user_id":  client.Alias(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: "u_1"}),
		"properties":   client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1", Properties: altertable.Properties{"x": make(chan int)}}),
		"traits":       client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"x": math.NaN()}}),
	} {
		var invalid *altertable.ValidationError
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, field, invalid.Field)
	}
	huge := strings.Repeat("x", 5<<20)
	assert.ErrorIs(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1", Properties: altertable.Properties{"x": huge}}), altertable.ErrTooLarge)
	assert.ErrorIs(t, client.Track(t.Context(), altertable.Track{Event: huge, DistinctID: "u_1"}), altertable.ErrTooLarge)
	assert.EqualValues(t, 9, client.Stats().Rejected)
	track(t, client, "e0")
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, []string{"e0"}, stored(srv))
	l.settle(t, client, "e0")
}

func TestBeforeSend(t *testing.T) {
	own := altertable.Properties{"email": "user@example.com"}
	m := wireOfTrack(t, altertable.Track{Event: "e", DistinctID: "u_1", Properties: own},
		altertable.WithDefaultProperties(altertable.Properties{"region": "eu"}),
		altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
			e := m.(altertable.Track)
			assert.Equal(t, "production", e.Environment, "filled in before")
			assert.False(t, e.Timestamp.IsZero())
			assert.NotContains(t, e.Properties, "region", "added after")
			delete(e.Properties, "email")
			e.Properties["seen"] = true
			e.Event, e.Environment, e.Timestamp = "renamed", "", noon
			return e
		}))
	assert.Equal(t, "renamed", m["event"])
	assert.Equal(t, "production", m["environment"])
	assert.Equal(t, "2023-01-01T12:00:00.000Z", m["timestamp"])
	assert.NotContains(t, m["properties"], "email")
	assert.Equal(t, true, m["properties"].(object)["seen"])
	assert.Equal(t, altertable.Properties{"email": "user@example.com"}, own, "a copy was changed")
}

func TestBeforeSendMayWriteToNilMaps(t *testing.T) {
	m := wire(t, func(c *altertable.Client) error {
		return c.Identify(t.Context(), altertable.Identify{DistinctID: "u_1"})
	}, altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
		m.(altertable.Identify).Traits["a"] = 1
		return m
	}))
	assert.Equal(t, object{"a": 1.0}, m["traits"])
}

func TestBeforeSendDiscardsAndMisbehaves(t *testing.T) {
	var hook func(altertable.Message) altertable.Message
	client, srv, _ := newClient(t, altertable.WithBeforeSend(func(m altertable.Message) altertable.Message { return hook(m) }))
	hook = func(altertable.Message) altertable.Message { return nil }
	assert.NoError(t, client.Track(t.Context(), event("e")))
	assert.NoError(t, client.Track(t.Context(), altertable.Track{}), "not validated before")
	response, err := client.TrackSync(t.Context(), event("e"))
	require.NoError(t, err)
	assert.True(t, response.OK)
	assert.Equal(t, altertable.Stats{Discarded: 3}, client.Stats())
	for name, misbehave := range map[string]func(altertable.Message) altertable.Message{
		"panic":        func(altertable.Message) altertable.Message { panic("secret") },
		"another type": func(altertable.Message) altertable.Message { return altertable.Alias{} },
		"a pointer":    func(m altertable.Message) altertable.Message { e := m.(altertable.Track); return &e },
		"nil pointer":  func(altertable.Message) altertable.Message { return (*altertable.Track)(nil) },
		"invalid":      func(altertable.Message) altertable.Message { return altertable.Track{} },
	} {
		hook = misbehave
		var invalid *altertable.ValidationError
		require.ErrorAs(t, client.Track(t.Context(), event("e")), &invalid, name)
		assert.NotContains(t, invalid.Error(), "secret")
	}
	require.NoError(t, client.Flush(t.Context()))
	assert.Empty(t, srv.Requests())
	assert.Equal(t, altertable.Stats{Discarded: 3, Rejected: 5, RejectedInvalid: 5}, client.Stats())
}

func TestContextCarriesValuesOnly(t *testing.T) {
	client, srv, _ := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, client.Track(ctx, event("canceled")))
	var none context.Context
	require.NoError(t, client.Track(none, event("nil")))
	require.NoError(t, client.Flush(none))
	assert.Equal(t, []string{"canceled", "nil"}, stored(srv))
}

func TestNewIDs(t *testing.T) {
	for prefix, id := range map[string]string{"anonymous-": altertable.NewAnonymousID(), "device-": altertable.NewDeviceID()} {
		require.True(t, strings.HasPrefix(id, prefix))
		_, err := uuid.Parse(strings.TrimPrefix(id, prefix))
		assert.NoError(t, err)
	}
	assert.NotEqual(t, altertable.NewAnonymousID(), altertable.NewAnonymousID())
}
