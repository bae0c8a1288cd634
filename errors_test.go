package altertable_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestAPIErrorMatches(t *testing.T) {
	for _, test := range []struct {
		err                 altertable.APIError
		unauthorized, noEnv bool
		text                string
	}{
		{altertable.APIError{StatusCode: 401}, true, false, "altertable: server answered 401"},
		{altertable.APIError{StatusCode: 403}, false, false, "altertable: server answered 403 without an error code: a firewall or proxy in between, not the API"},
		{altertable.APIError{StatusCode: 403, Code: "a secret"}, true, false, "altertable: server answered 403"},
		{altertable.APIError{StatusCode: 403, Code: "forbidden"}, true, false, "altertable: server answered 403 (forbidden)"},
		{altertable.APIError{StatusCode: 400, Code: "environment-not-found"}, false, true, "altertable: server answered 400 (environment-not-found)"},
		{altertable.APIError{StatusCode: 422, Code: "ENVIRONMENT_NOT_FOUND"}, false, true, "altertable: server answered 422 (ENVIRONMENT_NOT_FOUND)"},
		{altertable.APIError{StatusCode: 500, Code: "secret text", Message: "secret"}, false, false, "altertable: server answered 500"},
	} {
		assert.Equal(t, test.unauthorized, errors.Is(&test.err, altertable.ErrUnauthorized))
		assert.Equal(t, test.noEnv, errors.Is(&test.err, altertable.ErrEnvironmentNotFound))
		assert.EqualError(t, &test.err, test.text)
	}
}

// A server may quote the key where a code belongs, which is shown.
func TestCodesDoNotRepeatTheKey(t *testing.T) {
	const key = "pk_live.0123-abc"
	for answer, text := range map[string]string{
		`{"ok":false,"error_code":"` + key + `"}`:              "server answered 422 (REDACTED)",
		`{"error":"unknown_` + key + `"}`:                      "server answered 422 (unknown_REDACTED)",
		`{"error":{"code":"` + key + `.` + key + `"}}`:         "server answered 422 (REDACTED.REDACTED)",
		`{"error_code":"` + key + `","message":"` + key + `"}`: "server answered 422 (REDACTED)",
		`{"error_code":"key"}`:                                 "server answered 422 (key)",
	} {
		srv := altertabletest.NewServer()
		srv.Always(altertabletest.Status(422).JSON(answer))
		log := new(logged)
		client, err := altertable.New(key, altertable.WithBaseURL(srv.URL), altertable.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
		require.NoError(t, err)
		_, err = client.TrackSync(t.Context(), event("e"))
		assert.EqualError(t, err, "altertable: TrackSync: "+text)
		var api *altertable.APIError
		require.ErrorAs(t, err, &api)
		assert.NotContains(t, api.Message, key)
		require.NoError(t, client.Track(t.Context(), event("e")))
		assert.EqualError(t, client.Close(), "altertable: 1 message undelivered: "+text)
		for _, line := range log.lines() {
			assert.NotContains(t, line, key)
		}
		srv.Close()
	}
}

func TestErrorsReadWell(t *testing.T) {
	api := &altertable.APIError{StatusCode: 503}
	lost := &altertable.DeliveryError{Endpoint: "track", Count: 3, Attempts: 2, Err: api}
	assert.EqualError(t, lost, "altertable: 3 track messages not delivered after 2 attempts: server answered 503")
	assert.ErrorIs(t, lost, api)
	undelivered := &altertable.UndeliveredError{Count: 3, Err: api}
	assert.EqualError(t, undelivered, "altertable: 3 messages undelivered: server answered 503")
	assert.ErrorIs(t, undelivered, api)
	assert.EqualError(t, &altertable.UndeliveredError{Count: 1}, "altertable: 1 message undelivered")
	assert.EqualError(t, &altertable.DeliveryError{Endpoint: "alias", Count: 2}, "altertable: 2 alias messages not delivered after 0 attempts")
	assert.EqualError(t, &altertable.ValidationError{Field: "event", Reason: "must not be empty"}, "altertable: event must not be empty")
}

// answered returns the error of a synchronous call.
func answered(_ *altertable.Response, err error) error { return err }

func TestErrorsNameTheCallAndTheKey(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithMaxBatchSize(2), altertable.WithMaxBatchBytes(1024))
	srv.Always(altertabletest.Status(422).ErrorCode("bad-event"))
	ctx := t.Context()
	of := func(key string, value any) altertable.Track {
		return altertable.Track{Event: "e", DistinctID: "u_1", Properties: altertable.Properties{"a": 1, key: value, "c": nil}}
	}
	secret := "secret@example.com"
	const noChan = " holds a value of type chan int, which JSON cannot express"
	for text, err := range map[string]error{
		`Track: properties "cart"` + noChan:          client.Track(ctx, of("cart", make(chan int))),
		`Track: properties "Cart.id_2 $-"` + noChan:  client.Track(ctx, of("Cart.id_2 $-", make(chan int))),
		`Identify: traits "cart"` + noChan:           client.Identify(ctx, altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"cart": make(chan int)}}),
		`TrackSync: properties "cart"` + noChan:      answered(client.TrackSync(ctx, event("e"), of("cart", make(chan int)))),
		`IdentifySync: traits "cart"` + noChan:       answered(client.IdentifySync(ctx, altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"cart": make(chan int)}})),
		"Track: event must not be empty":             client.Track(ctx, altertable.Track{}),
		"Alias: new_user_id must not be empty":       client.Alias(ctx, altertable.Alias{DistinctID: "u_1"}),
		"AliasSync: messages must not be empty":      answered(client.AliasSync(ctx)),
		"TrackSync: server answered 422 (bad-event)": answered(client.TrackSync(ctx, event("e"))),

		`Track: message is too large: 1025 bytes or more, most of them in properties "blob"; the limit is 1024 (WithMaxBatchBytes)`: client.Track(ctx, of("blob", []string{strings.Repeat("x", 2000)})),
		"TrackSync: message is too large: 3 messages, the limit is 2 (WithMaxBatchSize)":                                            answered(client.TrackSync(ctx, event("e"), event("e"), event("e"))),
	} {
		assert.EqualError(t, err, "altertable: "+text)
	}
	for _, key := range []string{secret, "caf\u00e9", "", "a\nb", "a\n", strings.Repeat("x", 65), "a/b", `"`} { // they do not look like names
		assert.EqualError(t, client.Track(ctx, of(key, make(chan int))), "altertable: Track: properties"+noChan)
		assert.ErrorIs(t, client.Track(ctx, of(key, strings.Repeat(secret, 200))), altertable.ErrTooLarge)
		assert.NotContains(t, client.Track(ctx, of(key, strings.Repeat(secret, 200))).Error(), "properties")
		var invalid *altertable.ValidationError
		require.ErrorAs(t, client.Track(ctx, of("deep", []any{map[string]any{key: make(chan int)}})), &invalid)
		assert.Equal(t, altertable.ValidationError{Field: "properties", Reason: `"deep"` + noChan}, *invalid)
	}
	assert.Regexp(t, `^altertable: Track: message is too large: 2[0-9]{3} bytes or more, the limit is 1024 \(WithMaxBatchBytes\)$`, client.Track(ctx, event(strings.Repeat("x", 2000))))
	assert.Regexp(t, `^altertable: TrackSync: message is too large: 1[0-9]{3} bytes together, the limit is 1024 \(WithMaxBatchBytes\)$`,
		answered(client.TrackSync(ctx, event(strings.Repeat("x", 600)), event(strings.Repeat("x", 600)))))
}

// Each of them is still what it was, and names the package once.
func TestErrorsOfCallsMatch(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	full := func(opts ...altertable.Option) error {
		client := newBenchClient(t, hung{}, append(opts, altertable.WithMaxQueueSize(1))...)
		track(t, client, "e")
		return client.Alias(canceled, altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"})
	}
	closed, _, _ := newClient(t)
	require.NoError(t, closed.Close())
	hostile := func(m altertable.Message) altertable.Message { panic("secret") }
	hooked, _, _ := newClient(t, altertable.WithBeforeSend(hostile))
	small, _, _ := newClient(t, altertable.WithMaxQueueBytes(1024))
	disk, _, _ := newClient(t, altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(1024)))
	large := event("e")
	large.Properties = altertable.Properties{"secret@example.com": strings.Repeat("x", 2000)}
	for _, test := range []struct {
		err  error
		text string
		is   []error
	}{
		{full(altertable.WithOverflow(altertable.DropNewest)), "Alias: queue is full", []error{altertable.ErrQueueFull}},
		{full(), "Alias: queue is full: context canceled", []error{altertable.ErrQueueFull, context.Canceled}},
		{closed.Track(t.Context(), event("e")), "Track: client is closed", []error{altertable.ErrClosed}},
		{answered(closed.TrackSync(t.Context(), event("e"))), "TrackSync: client is closed", []error{altertable.ErrClosed}},
		{answered(closed.IdentifySync(canceled, altertable.Identify{DistinctID: "u_1"})), "IdentifySync: client is closed", []error{altertable.ErrClosed}},
		{answered(small.TrackSync(canceled, event("e"))), "TrackSync: context canceled", []error{context.Canceled}},
		{small.Track(t.Context(), large), "Track: message is too large: 1025 bytes or more, the limit is 1024 (WithMaxQueueBytes)", []error{altertable.ErrTooLarge}},
		{disk.Track(t.Context(), large), "Track: message is too large: 1025 bytes or more, the limit is 1024 (SpoolMaxBytes)", []error{altertable.ErrTooLarge}},
		{hooked.Track(t.Context(), event("e")), "Track: message made BeforeSend panic", nil},
		{answered(hooked.AliasSync(t.Context(), altertable.Alias{})), "AliasSync: message made BeforeSend panic", nil},
	} {
		assert.EqualError(t, test.err, "altertable: "+test.text)
		for _, target := range test.is {
			assert.ErrorIs(t, test.err, target)
		}
		var invalid *altertable.ValidationError
		assert.Equal(t, test.is == nil, errors.As(test.err, &invalid))
	}
}

func TestErrorsOfAnEndedContextNameTheCauseOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t)
		srv.Always(altertabletest.Status(503))
		_, err := client.TrackSync(within(t, time.Millisecond), event("e"))
		assert.EqualError(t, err, "altertable: TrackSync: context deadline exceeded: server answered 503")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var api *altertable.APIError
		assert.ErrorAs(t, err, &api)

		require.NoError(t, client.Track(t.Context(), event("e")))
		err = client.Shutdown(within(t, time.Millisecond))
		assert.EqualError(t, err, "altertable: 1 message undelivered: context deadline exceeded: server answered 503")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorAs(t, err, &api)
	})
}
