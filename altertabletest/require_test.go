package altertabletest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

type plan string

type address struct {
	City string `json:"city"`
	Zip  *int   `json:"zip"`
}

func TestRequireEventComparesWhatIsSent(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	zip := 20095
	sent := altertable.Properties{
		"int": 5, "float": 0.1, "float32": float32(0.1), "snowflake": int64(9007199254740993), "huge": json.Number("12345678901234567890"), "round": uint64(1e19),
		"nothing": nil, "at": at, "plan": plan("pro"), "address": address{"Hamburg", &zip}, "list": []any{1, "a", map[string]any{"n": 2}},
		"bytes": []byte("abc"), "wait": time.Minute, "yes": true, "raw": json.RawMessage(`{"a":[1.0]}`), "text": "<ä>\xff", "zero": 0.0,
	}
	client, srv := altertabletest.New(t)
	track(t, client, altertable.Track{Event: "order_placed", DistinctID: "u_42", Properties: sent})
	srv.RequireEvent(t, altertabletest.Want{Properties: sent})

	type property = altertable.Properties
	for _, want := range []property{
		{"int": 5.0}, {"int": json.Number("5")}, {"int": json.Number("0.5e1")}, {"int": uint8(5)}, {"int": json.RawMessage("5.0")},
		{"float": json.Number("0.10")}, {"float": json.Number("0.1000000000000000055511151231257827")}, {"float32": 0.1}, {"float": float32(0.1)},
		{"snowflake": json.Number("9007199254740993")}, {"snowflake": uint64(9007199254740993)},
		{"huge": uint64(12345678901234567890)}, {"round": 1e19}, {"round": json.Number("0.1e20")},
		{"nothing": nil}, {"nothing": (*int)(nil)}, {"at": at}, {"at": "2026-01-02T03:04:05.000006+01:00"}, {"plan": "pro"},
		{"address": map[string]any{"zip": 20095.0, "city": "Hamburg"}}, {"list": []any{1.0, "a", map[string]int{"n": 2}}},
		{"bytes": "YWJj"}, {"wait": 60_000_000_000}, {"yes": true}, {"raw": map[string]any{"a": []int{1}}}, {"text": "<ä>\ufffd"}, {"zero": json.Number("-0")},
		{},
	} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			srv.RequireEvent(t, altertabletest.Want{Properties: want})
		})
	}
	for text, want := range map[string]property{
		`properties["int"] is 5, want "5"`:                                        {"int": "5"},
		`properties["int"] is 5, want 5.5`:                                        {"int": 5.5},
		`properties["int"] is 5, want null`:                                       {"int": nil},
		`properties["int"] is 5, want -5`:                                         {"int": -5},
		`properties["nothing"] is null, want 0`:                                   {"nothing": 0},
		`properties["missing"] is missing, want null`:                             {"missing": nil},
		`properties["snowflake"] is 9007199254740993, want 9007199254740992`:      {"snowflake": int64(9007199254740992)},
		`properties["huge"] is 12345678901234567890, want 12345678901234567891`:   {"huge": uint64(12345678901234567891)},
		`properties["huge"] is 12345678901234567890, want 123456789012345678900`:  {"huge": json.Number("123456789012345678900")},
		`properties["huge"] is 12345678901234567890, want -12345678901234567890`:  {"huge": json.Number("-12345678901234567890")},
		`properties["address"]["city"] is "Hamburg", want "Kiel"`:                 {"address": address{"Kiel", &zip}},
		`properties["address"]["zip"] is 20095, want none`:                        {"address": map[string]any{"city": "Hamburg"}},
		`properties["address"]["street"] is missing, want "x"`:                    {"address": map[string]any{"city": "Hamburg", "zip": 20095, "street": "x"}},
		`properties["list"][2]["n"] is 2, want 3`:                                 {"list": []any{1, "a", map[string]any{"n": 3}}},
		`properties["list"] is [1,"a",{"n":2}], want [1]`:                         {"list": []int{1}},
		`properties["list"] is [1,"a",{"n":2}], want {"n":2}`:                     {"list": map[string]any{"n": 2}},
		`properties["yes"] is true, want "true"`:                                  {"yes": "true"},
		`properties["text"] is "<ä>` + "\ufffd" + `", want [null]`:                {"text": []any{nil}},
		`altertabletest: Want.Properties["c"] `:                                   {"c": make(chan int)},
		`altertabletest: Want.Properties["deep"] `:                                {"deep": json.RawMessage(strings.Repeat("[", 500) + strings.Repeat("]", 500))},
		`altertabletest: Want.Properties["n"] holds a number beyond the range of`: {"n": json.Number("1e400")},
	} {
		t.Run(text, func(t *testing.T) {
			assert.Contains(t, failure(t, func(t testing.TB) { srv.RequireEvent(t, altertabletest.Want{Properties: want}) }), text)
		})
	}
	assert.Contains(t, failure(t, func(t testing.TB) {
		srv.RequireNoEvent(t, altertabletest.Want{IdentityTraits: altertable.Traits{"f": func() {}}})
	}), `altertabletest: Want.IdentityTraits["f"] `)
}

func TestRequireEventSaysWhatThereWas(t *testing.T) {
	client, srv := altertabletest.New(t)
	track(t, client,
		altertable.Track{Event: "page_viewed", DistinctID: "u_42", Properties: altertable.Properties{"z": 1, "a": "<b>"}},
		altertable.Track{Event: "signed_up", DistinctID: "u_43", Properties: altertable.Properties{"seats": 4}},
	)
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
	got := failure(t, func(t testing.TB) {
		srv.RequireEvent(t, altertabletest.Want{Event: "signed_up", DistinctID: "u_42", Properties: altertable.Properties{"seats": 5}})
	})
	assert.Equal(t, `altertabletest: no event matches, want exactly one
	1 message is still queued: Flush first
	want: event "signed_up", distinct_id "u_42", properties {"seats":5}
	closest is event 2:
		distinct_id is "u_43", want "u_42"
		properties["seats"] is 4, want 5
	there are 2 events:
		1. "page_viewed" by "u_42" {"a":"<b>","z":1}
		2. "signed_up" by "u_43" {"seats":4}`, got)
}

func TestRequireEventNamesThoseThatMatch(t *testing.T) {
	client, srv := altertabletest.New(t)
	m := altertable.Track{Event: "signed_up", DistinctID: "u_42"}
	track(t, client, m, altertable.Track{Event: "page_viewed", DistinctID: "u_42"}, m)
	assert.Equal(t, `altertabletest: 2 events match, want exactly one
	want: event "signed_up"
	matching:
		1. "signed_up" by "u_42" {}
		3. "signed_up" by "u_42" {}
	there are 3 events:
		1. "signed_up" by "u_42" {}
		2. "page_viewed" by "u_42" {}
		3. "signed_up" by "u_42" {}`,
		failure(t, func(t testing.TB) { srv.RequireEvent(t, altertabletest.Want{Event: "signed_up"}) }))
}

func TestRequireEventIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no request times out on a busy machine
		client, srv := altertabletest.New(t, altertable.WithMaxInFlight(1))
		properties, want := altertable.Properties{}, altertable.Properties{}
		for i := range 50 {
			properties[fmt.Sprint("p", i)] = strings.Repeat("ä", 300)
			want[fmt.Sprint("p", i)] = i
		}
		for i := range 100 {
			m := altertable.Track{Event: "e\n\x1b" + strings.Repeat("x", 1000), DistinctID: fmt.Sprint("u_", i), Properties: properties}
			require.NoError(t, client.Track(t.Context(), m))
		}
		require.NoError(t, client.Flush(t.Context()))
		got := failure(t, func(t testing.TB) { srv.RequireEvent(t, altertabletest.Want{DistinctID: "u_99", Properties: want}) })
		assert.Less(t, len(got), 40_000)
		assert.Contains(t, got, "closest is event 100:")
		assert.Contains(t, got, "and 40 more\n")
		assert.Contains(t, got, "and 80 more")
		assert.Contains(t, got, `ä... (600 bytes)`)
		assert.NotContains(t, got, "\x1b")
		assert.NotContains(t, got, "\ufffd", "cut within a character")
		got = failure(t, func(t testing.TB) { srv.RequireEvent(t, altertabletest.Want{}) })
		assert.Less(t, len(got), 60_000)
		assert.Contains(t, got, "100 events match, want exactly one\n\twant: any event\n")
	})
}

func TestRequireEventSaysWhyOneIsMissing(t *testing.T) {
	discard := altertable.WithBeforeSend(func(altertable.Message) altertable.Message { return nil })
	tests := []struct {
		name   string
		option altertable.Option
		do     func(client *altertable.Client, srv *altertabletest.Server)
		text   string
	}{
		{"nothing sent", nil, func(*altertable.Client, *altertabletest.Server) {}, "the client of New was given no message"},
		{"no flush", nil, func(client *altertable.Client, _ *altertabletest.Server) {
			_ = client.Track(context.Background(), altertable.Track{Event: "a", DistinctID: "u"})
			_ = client.Track(context.Background(), altertable.Track{Event: "b", DistinctID: "u"})
		}, "2 messages are still queued: Flush first"},
		{"down", nil, func(client *altertable.Client, srv *altertabletest.Server) {
			srv.Down()
			_ = client.Track(context.Background(), altertable.Track{Event: "a", DistinctID: "u"})
		}, "1 message is still queued: Flush first\n\tthe server is still down: call srv.Up() before Flush"},
		{"fault", nil, func(client *altertable.Client, srv *altertabletest.Server) {
			srv.Always(altertabletest.Status(503))
			_ = client.Track(context.Background(), altertable.Track{Event: "a", DistinctID: "u"})
		}, "1 message is still queued: Flush first\n\ta fault is still at work"},
		{"given up", nil, func(client *altertable.Client, srv *altertabletest.Server) {
			srv.Next(1, altertabletest.Status(404))
			_ = client.Track(context.Background(), altertable.Track{Event: "a", DistinctID: "u"})
			_ = client.Flush(context.Background())
		}, "the client gave up 1 message"},
		{"refused", nil, func(client *altertable.Client, _ *altertabletest.Server) {
			_ = client.Track(context.Background(), altertable.Track{Event: "", DistinctID: "u"})
		}, "the client refused 1 message"},
		{"discarded", discard, func(client *altertable.Client, _ *altertabletest.Server) {
			_ = client.Track(context.Background(), altertable.Track{Event: "a", DistinctID: "u"})
		}, "the client discarded 1 message"},
		{"other client", nil, func(_ *altertable.Client, srv *altertabletest.Server) { srv.Close() }, "there is no event"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var opts []altertable.Option
				if tt.option != nil {
					opts = append(opts, tt.option)
				}
				client, srv := altertabletest.New(t, opts...)
				tt.do(client, srv)
				got := failure(t, func(t testing.TB) { srv.RequireEvent(t, altertabletest.Want{}) })
				assert.Contains(t, got, tt.text)
				assert.Contains(t, got, "there is no event")
			})
		})
	}
	t.Run("client unknown", func(t *testing.T) {
		srv := altertabletest.NewServer()
		defer srv.Close()
		assert.Contains(t, failure(t, func(t testing.TB) { srv.RequireEvent(t, altertabletest.Want{}) }), "messages may still be queued: Flush the client first")
		srv.RequireNoEvent(t, altertabletest.Want{})
	})
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
