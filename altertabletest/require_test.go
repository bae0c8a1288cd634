package altertabletest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func track(t *testing.T, client *altertable.Client, messages ...altertable.Track) {
	t.Helper()
	for _, m := range messages {
		require.NoError(t, client.Track(t.Context(), m))
	}
	require.NoError(t, client.Flush(t.Context()))
}

func TestRequireEventReturnsTheOneThatMatches(t *testing.T) {
	client, srv := altertabletest.New(t)
	track(t, client,
		altertable.Track{Event: "page_viewed", DistinctID: "anonymous-1", DeviceID: "device-1"},
		altertable.Track{Event: "signed_up", DistinctID: "u_42", Properties: altertable.Properties{"seats": 5, "plan": "pro"}},
		altertable.Track{Event: "signed_up", DistinctID: "u_43", AnonymousID: "anonymous-2", Environment: "staging"},
	)
	require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_42", AnonymousID: "anonymous-1", Traits: altertable.Traits{"plan": "pro", "age": 36}}))
	require.NoError(t, client.Flush(t.Context()))

	for name, want := range map[string]altertabletest.Want{
		"event and id":    {Event: "signed_up", DistinctID: "u_42"},
		"properties":      {Properties: altertable.Properties{"seats": 5}},
		"device":          {DeviceID: "device-1"},
		"anonymous id":    {AnonymousID: "anonymous-2"},
		"environment":     {Environment: "staging"},
		"identity":        {Event: "page_viewed", IdentityID: "u_42"},
		"identity traits": {Event: "signed_up", IdentityTraits: altertable.Traits{"age": int8(36)}},
		"all of it": {Event: "signed_up", DistinctID: "u_42", Environment: "production",
			Properties: altertable.Properties{"seats": 5, "plan": "pro"}, IdentityID: "u_42", IdentityTraits: altertable.Traits{"plan": "pro"}},
	} {
		t.Run(name, func(t *testing.T) {
			event := srv.RequireEvent(t, want)
			assert.NotEmpty(t, event.Event)
			assert.Contains(t, failure(t, func(t testing.TB) { srv.RequireNoEvent(t, want) }), "altertabletest: 1 event matches, want none")
		})
	}
	for name, want := range map[string]altertabletest.Want{
		"event":           {Event: "signed_in"},
		"id":              {Event: "page_viewed", DistinctID: "u_42"},
		"properties":      {Properties: altertable.Properties{"seats": 5, "plan": "free"}},
		"null":            {Properties: altertable.Properties{"referrer": nil}},
		"device":          {DeviceID: "device-2"},
		"anonymous id":    {AnonymousID: "anonymous-1"},
		"environment":     {Environment: "test"},
		"identity":        {Event: "page_viewed", IdentityID: "u_43"},
		"identity traits": {IdentityTraits: altertable.Traits{"age": 37}},
	} {
		t.Run("no "+name, func(t *testing.T) {
			assert.Contains(t, failure(t, func(t testing.TB) { srv.RequireEvent(t, want) }), "altertabletest: no event matches, want exactly one")
			srv.RequireNoEvent(t, want)
		})
	}
}

func TestRequireNoEventWantsAFlush(t *testing.T) {
	client, srv := altertabletest.New(t)
	srv.RequireNoEvent(t, altertabletest.Want{})
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
	check := func(t testing.TB) { srv.RequireNoEvent(t, altertabletest.Want{Event: "signed_in"}) }
	assert.Equal(t, "altertabletest: no event matches yet, which proves nothing\n\t1 message is still queued: Flush first", failure(t, check))
	require.NoError(t, client.Flush(t.Context()))
	check(t)
	assert.Equal(t, `altertabletest: 1 event matches, want none
	want: any event
	matching:
		1. "signed_up" by "u_42" {}
	there is 1 event:
		1. "signed_up" by "u_42" {}`, failure(t, func(t testing.TB) { srv.RequireNoEvent(t, altertabletest.Want{}) }))
}

func TestRequireEventLooksAtTheEventsKept(t *testing.T) {
	srv := altertabletest.NewServer(altertabletest.WithHistory(2))
	defer srv.Close()
	client, err := altertable.New("key", altertable.WithBaseURL(srv.URL))
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	for i := range 5 {
		track(t, client, altertable.Track{Event: "page_viewed", DistinctID: fmt.Sprint("u_", i)})
	}
	srv.RequireEvent(t, altertabletest.Want{DistinctID: "u_4"})
	got := failure(t, func(t testing.TB) { srv.RequireEvent(t, altertabletest.Want{DistinctID: "u_0"}) })
	assert.Contains(t, got, "closest is event 4:")
	assert.Contains(t, got, "there are 5 events, of which WithHistory keeps 2:\n\t\t4. ")
}

// What RequireEvent returns is the caller's, and the system properties are shown
// only to those who ask for them.
func TestRequireEventAndSystemProperties(t *testing.T) {
	client, srv := altertabletest.New(t)
	track(t, client, altertable.Track{Event: "signed_up", DistinctID: "u_42", Properties: altertable.Properties{"list": []int{1}}})
	event := srv.RequireEvent(t, altertabletest.Want{Properties: altertable.Properties{"$lib": "altertable-go", "$ip": 0}})
	event.Properties["list"].([]any)[0] = "changed"
	srv.RequireEvent(t, altertabletest.Want{Properties: altertable.Properties{"list": []int{1}}})
	got := failure(t, func(t testing.TB) {
		srv.RequireEvent(t, altertabletest.Want{Properties: altertable.Properties{"$lib": "other"}})
	})
	assert.Contains(t, got, `1. "signed_up" by "u_42" {"$lib":"altertable-go","list":[1]}`)
}
