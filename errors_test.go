package altertable_test

import (
	"context"
	"errors"
	"log/slog"
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
		assert.EqualError(t, err, "altertable: "+text)
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

func TestErrorsOfAnEndedContextNameTheCauseOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t)
		srv.Always(altertabletest.Status(503))
		_, err := client.TrackSync(within(t, time.Millisecond), event("e"))
		assert.EqualError(t, err, "altertable: context deadline exceeded: server answered 503")
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
