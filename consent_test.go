package altertable_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func withConsent(ctx context.Context, c altertable.Consent) context.Context {
	return altertable.ContextWithVisitor(ctx, altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1", Consent: c})
}

// consentCalls are the calls that WithConsentRequired is about, with messages that
// no validation would pass, so that what is not discarded is refused.
func consentCalls(client *altertable.Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Track":         func(ctx context.Context) error { return client.Track(ctx, altertable.Track{}) },
		"Identify":      func(ctx context.Context) error { return client.Identify(ctx, altertable.Identify{DistinctID: "null"}) },
		"Enqueue track": func(ctx context.Context) error { return client.Enqueue(ctx, altertable.Track{}, nil) },
		"Enqueue identify": func(ctx context.Context) error {
			return client.Enqueue(ctx, altertable.Identify{DistinctID: "null"}, nil)
		},
		"TrackSync": func(ctx context.Context) error {
			return answered(client.TrackSync(ctx, altertable.Track{}, altertable.Track{}))
		},
		"IdentifySync": func(ctx context.Context) error {
			return answered(client.IdentifySync(ctx, altertable.Identify{DistinctID: "null"}))
		},
	}
}

func TestConsentRequired(t *testing.T) {
	discarded := map[altertable.Consent]bool{
		altertable.ConsentPending: true, altertable.ConsentDenied: true, "dismissed": true,
		altertable.ConsentGranted: false, altertable.ConsentUnknown: false,
	}
	for _, disabled := range []bool{false, true} {
		for consent, discards := range discarded {
			client, srv, _ := newClient(t, altertable.WithConsentRequired(), altertable.WithDisabled(disabled),
				altertable.WithPropertiesFunc(func(context.Context) altertable.Properties {
					assert.False(t, discards, "it is not asked")
					return nil
				}),
				altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
					assert.False(t, discards, "it does not see the message")
					return m
				}))
			ctx := withConsent(t.Context(), consent)
			for name, call := range consentCalls(client) {
				before := client.Stats().Discarded
				err := call(ctx)
				if !discards {
					var invalid *altertable.ValidationError
					assert.ErrorAs(t, err, &invalid, "%s %s", name, consent)
					continue
				}
				assert.NoError(t, err, "%s %s", name, consent)
				assert.Greater(t, client.Stats().Discarded, before, name)
			}
			if discards {
				assert.Equal(t, altertable.Stats{Discarded: 7}, client.Stats())
			}
			require.NoError(t, client.Flush(t.Context()))
			assert.Empty(t, srv.Requests())
		}
	}
}

// No visitor passes, and so does a hidden one. An alias is about no visitor.
func TestConsentRequiredOfNobody(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithConsentRequired())
	denied := withConsent(t.Context(), altertable.ConsentDenied)
	require.NoError(t, client.Track(t.Context(), event("no_visitor")))
	require.NoError(t, client.Track(altertable.ContextWithVisitor(denied, altertable.Visitor{}), event("hidden")))
	require.NoError(t, client.Track(altertable.ContextWithUser(denied, "u_1"), event("denied")))
	require.NoError(t, client.Alias(denied, altertable.Alias{DistinctID: "a", NewUserID: "b"}))
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, []string{"no_visitor", "hidden"}, stored(srv))
	assert.EqualValues(t, 3, client.Stats().Delivered)
	assert.EqualValues(t, 1, client.Stats().Discarded)
}

func TestConsentIsNotRequiredByDefault(t *testing.T) {
	client, srv, _ := newClient(t)
	require.NoError(t, client.Track(withConsent(t.Context(), altertable.ConsentDenied), event("e")))
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, []string{"e"}, stored(srv))
	assert.Empty(t, srv.Events()[0].AnonymousID+srv.Events()[0].DeviceID)
}

func TestSyncCallsWithoutConsent(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithConsentRequired())
	denied := withConsent(t.Context(), altertable.ConsentDenied)
	response, err := client.TrackSync(denied, event("e"), event("e"))
	require.NoError(t, err)
	assert.Equal(t, &altertable.Response{OK: true}, response)
	response, err = client.IdentifySync(denied, altertable.Identify{DistinctID: "u_1"})
	require.NoError(t, err)
	assert.Equal(t, &altertable.Response{OK: true}, response)
	assert.Empty(t, srv.Requests())
	assert.Equal(t, altertable.Stats{Discarded: 3}, client.Stats())
	require.NoError(t, client.Close())
	require.NoError(t, client.Track(denied, event("e")), "as what BeforeSend discards")
}

// Enqueue's done is told that there is nothing to do, and Encode returns nothing to
// store. What names nobody's visitor passes: an Alias and a Raw.
func TestEnqueueAndEncodeWithoutConsent(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithConsentRequired())
	denied := withConsent(t.Context(), altertable.ConsentDenied)
	for _, m := range []altertable.Message{event("e"), altertable.Identify{DistinctID: "u_1"}} {
		told := make(chan error, 2)
		require.NoError(t, client.Enqueue(denied, m, func(err error) { told <- err }))
		require.NoError(t, client.Flush(t.Context()))
		require.Len(t, told, 1)
		assert.NoError(t, <-told)
		raw, err := client.Encode(denied, m)
		require.NoError(t, err)
		assert.Equal(t, altertable.Raw{}, raw)
	}
	assert.Equal(t, altertable.Stats{Discarded: 4}, client.Stats())
	raw, err := client.Encode(denied, altertable.Alias{DistinctID: "a", NewUserID: "b"})
	require.NoError(t, err)
	require.NoError(t, client.Enqueue(denied, raw, nil))
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, "/alias", srv.Requests()[0].Path)
}

// A message without consent neither waits for room nor needs any.
func TestDiscardedWhileTheQueueIsFull(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithConsentRequired(), altertable.WithOverflow(altertable.Block), altertable.WithMaxQueueSize(1))
	rule := srv.Always(altertabletest.Hang())
	track(t, client, "e0")
	require.NoError(t, client.Track(withConsent(t.Context(), altertable.ConsentPending), event("e1")))
	rule.Release()
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, []string{"e0"}, stored(srv))
}

// The log tells what discarded a message.
func TestDebugLinesTellWhoDiscards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{level: slog.LevelDebug}
		client, _ := newLoggedClient(t, j, altertable.WithConsentRequired(), altertable.WithBeforeSend(func(altertable.Message) altertable.Message { return nil }))
		denied := withConsent(t.Context(), altertable.ConsentDenied)
		require.NoError(t, client.Track(t.Context(), event("e")))
		require.NoError(t, client.Identify(denied, altertable.Identify{DistinctID: "u_1"}))
		require.NoError(t, answered(client.TrackSync(denied, event("e"))))
		synctest.Wait()
		var by []any
		for _, line := range j.about("message discarded") {
			by = append(by, line.attrs["by"])
		}
		assert.Equal(t, []any{"BeforeSend", "consent", "consent"}, by)
	})
}

// A visitor who did not agree goes through Middleware as well.
func TestMiddlewareTellsTheConsent(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithVisitorKey("pk_1"), altertable.WithConsentRequired())
	for value, want := range map[string]altertable.Consent{"pending": altertable.ConsentPending, "denied": altertable.ConsentDenied, "dismissed": altertable.ConsentDenied} {
		ctx := throughMiddleware(t, client, requestWith("Cookie", cookie("atbl.pk_1.production", `{"trackingConsent":"`+value+`","anonymousId":"anonymous-1"}`)))
		v, ok := altertable.VisitorFromContext(ctx)
		assert.False(t, ok)
		assert.Equal(t, altertable.Visitor{Consent: want}, v)
		require.NoError(t, client.Track(ctx, event("e")))
	}
	assert.EqualValues(t, 3, client.Stats().Discarded)
	require.NoError(t, client.Flush(t.Context()))
	assert.Empty(t, srv.Events())
}
