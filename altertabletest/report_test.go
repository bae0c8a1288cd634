package altertabletest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

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
