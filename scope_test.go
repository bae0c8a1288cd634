package altertable_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// ids are what a message on the wire says of people.
type ids struct{ distinct, anonymous, device string }

// decoded returns the one message of a request's body, in a list or not.
func decoded(t *testing.T, body []byte) (m object) {
	t.Helper()
	require.NoError(t, json.Unmarshal(bytes.Trim(body, "[]"), &m))
	return m
}

// refused is a message that is a *ValidationError.
var refused = ids{}

// An actor is what a context says of who acts.
type actor struct {
	user    string
	visitor *altertable.Visitor
}

func (p actor) context(ctx context.Context) context.Context {
	if p.user != "" {
		ctx = altertable.ContextWithUser(ctx, p.user)
	}
	if p.visitor != nil {
		ctx = altertable.ContextWithVisitor(ctx, *p.visitor)
	}
	return ctx
}

// sentAs returns what of the ids a call with them sends in that context.
func sentAs(t *testing.T, call string, p actor, given ids) ids {
	t.Helper()
	client, srv, _ := newClient(t)
	ctx := p.context(t.Context())
	var err error
	if call == "track" {
		err = client.Track(ctx, altertable.Track{Event: "e", DistinctID: given.distinct, AnonymousID: given.anonymous, DeviceID: given.device})
	} else {
		err = client.Identify(ctx, altertable.Identify{DistinctID: given.distinct, AnonymousID: given.anonymous, DeviceID: given.device})
	}
	if err != nil {
		var invalid *altertable.ValidationError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "distinct_id", invalid.Field)
		return refused
	}
	require.NoError(t, client.Flush(t.Context()))
	m := decoded(t, srv.Requests()[0].Body)
	text := func(name string) string { s, _ := m[name].(string); return s }
	return ids{text("distinct_id"), text("anonymous_id"), text("device_id")}
}

// The whole of who acts, for a Track and for an Identify.
func TestWhoActs(t *testing.T) {
	visitor := func(c altertable.Consent) *altertable.Visitor {
		return &altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1", Consent: c}
	}
	nobody, u1, other, own, alone := ids{}, ids{distinct: "u_1"}, ids{distinct: "u_2"}, ids{distinct: "anonymous-1"}, ids{anonymous: "anonymous-2"}
	linkedU1, linkedOther, linkedOwn := ids{"u_1", "anonymous-1", "device-1"}, ids{"u_2", "anonymous-1", "device-1"}, ids{"anonymous-1", "", "device-1"}
	for name, test := range map[string]struct {
		actor           actor
		given           ids
		track, identify ids
	}{
		"nothing, nobody":      {actor{}, nobody, refused, refused},
		"nothing, u_1":         {actor{}, u1, u1, u1},
		"nothing, alone":       {actor{}, alone, refused, refused},
		"user, nobody":         {actor{user: "u_1"}, nobody, u1, u1},
		"user, u_1":            {actor{user: "u_1"}, u1, u1, u1},
		"user, other":          {actor{user: "u_1"}, other, other, other},
		"user, anonymous":      {actor{user: "u_1"}, own, own, own},
		"user, alone":          {actor{user: "u_1"}, alone, refused, refused},
		"granted, nobody":      {actor{visitor: visitor(altertable.ConsentGranted)}, nobody, linkedOwn, refused},
		"granted, u_1":         {actor{visitor: visitor(altertable.ConsentGranted)}, u1, u1, linkedU1},
		"granted, anonymous":   {actor{visitor: visitor(altertable.ConsentGranted)}, own, linkedOwn, linkedOwn},
		"granted, alone":       {actor{visitor: visitor(altertable.ConsentGranted)}, alone, refused, refused},
		"granted, its own":     {actor{visitor: visitor(altertable.ConsentGranted)}, ids{anonymous: "anonymous-1"}, refused, refused},
		"unknown, nobody":      {actor{visitor: visitor(altertable.ConsentUnknown)}, nobody, linkedOwn, refused},
		"unknown, other":       {actor{visitor: visitor(altertable.ConsentUnknown)}, other, other, linkedOther},
		"pending, nobody":      {actor{visitor: visitor(altertable.ConsentPending)}, nobody, refused, refused},
		"denied, nobody":       {actor{visitor: visitor(altertable.ConsentDenied)}, nobody, refused, refused},
		"denied, u_1":          {actor{visitor: visitor(altertable.ConsentDenied)}, u1, u1, u1},
		"denied, anonymous":    {actor{visitor: visitor(altertable.ConsentDenied)}, own, own, own},
		"dismissed, nobody":    {actor{visitor: visitor("dismissed")}, nobody, refused, refused},
		"both, nobody":         {actor{"u_1", visitor(altertable.ConsentGranted)}, nobody, linkedU1, linkedU1},
		"both, u_1":            {actor{"u_1", visitor(altertable.ConsentGranted)}, u1, linkedU1, linkedU1},
		"both, other":          {actor{"u_1", visitor(altertable.ConsentGranted)}, other, other, other},
		"both, anonymous":      {actor{"u_1", visitor(altertable.ConsentGranted)}, own, linkedOwn, linkedOwn},
		"both, alone":          {actor{"u_1", visitor(altertable.ConsentGranted)}, alone, refused, refused},
		"both unknown, nobody": {actor{"u_1", visitor(altertable.ConsentUnknown)}, nobody, linkedU1, linkedU1},
		"both denied, nobody":  {actor{"u_1", visitor(altertable.ConsentDenied)}, nobody, u1, u1},
		"both denied, u_1":     {actor{"u_1", visitor(altertable.ConsentDenied)}, u1, u1, u1},
		"both denied, alone":   {actor{"u_1", visitor(altertable.ConsentDenied)}, alone, refused, refused},

		// Two browsers are never mixed.
		"another browser":        {actor{"u_1", visitor(altertable.ConsentGranted)}, ids{"u_1", "anonymous-2", ""}, ids{"u_1", "anonymous-2", ""}, ids{"u_1", "anonymous-2", ""}},
		"another device":         {actor{"u_1", visitor(altertable.ConsentGranted)}, ids{"u_1", "", "device-2"}, ids{"u_1", "", "device-2"}, ids{"u_1", "", "device-2"}},
		"nobody, another device": {actor{"u_1", visitor(altertable.ConsentGranted)}, ids{"", "", "device-2"}, ids{"u_1", "", "device-2"}, ids{"u_1", "", "device-2"}},
		"the same browser":       {actor{"u_1", visitor(altertable.ConsentGranted)}, ids{"u_1", "anonymous-1", ""}, linkedU1, linkedU1},
		"the same device":        {actor{"u_1", visitor(altertable.ConsentGranted)}, ids{"u_1", "", "device-1"}, linkedU1, linkedU1},
		"login, another browser": {actor{visitor: visitor(altertable.ConsentGranted)}, ids{"u_2", "anonymous-2", ""}, ids{"u_2", "anonymous-2", ""}, ids{"u_2", "anonymous-2", ""}},
		"other, its own ids":     {actor{"u_1", visitor(altertable.ConsentGranted)}, ids{"u_2", "anonymous-2", "device-2"}, ids{"u_2", "anonymous-2", "device-2"}, ids{"u_2", "anonymous-2", "device-2"}},

		// What is there of the visitor is used.
		"a device, nobody":   {actor{visitor: &altertable.Visitor{DeviceID: "device-1"}}, nobody, refused, refused},
		"a device, user":     {actor{"u_1", &altertable.Visitor{DeviceID: "device-1"}}, nobody, ids{"u_1", "", "device-1"}, ids{"u_1", "", "device-1"}},
		"no device, user":    {actor{"u_1", &altertable.Visitor{AnonymousID: "anonymous-1"}}, nobody, ids{"u_1", "anonymous-1", ""}, ids{"u_1", "anonymous-1", ""}},
		"a placeholder":      {actor{visitor: &altertable.Visitor{AnonymousID: "undefined", DeviceID: "null"}}, nobody, refused, refused},
		"invisible":          {actor{"u_1", &altertable.Visitor{AnonymousID: " ", DeviceID: "\u200b"}}, nobody, u1, u1},
		"invalid UTF-8":      {actor{"u_1", &altertable.Visitor{AnonymousID: "anonymous-\xff", DeviceID: "device-\x00"}}, nobody, u1, u1},
		"user a placeholder": {actor{user: "undefined"}, nobody, refused, refused},
		"user blank":         {actor{" ", visitor(altertable.ConsentGranted)}, nobody, refused, refused},
		"blank, user":        {actor{user: "u_1"}, ids{distinct: " "}, refused, refused},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.track, sentAs(t, "track", test.actor, test.given), "track")
			assert.Equal(t, test.identify, sentAs(t, "identify", test.actor, test.given), "identify")
		})
	}
}

// Synchronous calls and Enqueue look at the context as well.
func TestWhoActsInEveryCall(t *testing.T) {
	ctx := actor{"u_1", &altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1"}}.context(t.Context())
	for name, call := range map[string]func(*altertable.Client) error{
		"TrackSync":        func(c *altertable.Client) error { return answered(c.TrackSync(ctx, altertable.Track{Event: "e"})) },
		"IdentifySync":     func(c *altertable.Client) error { return answered(c.IdentifySync(ctx, altertable.Identify{})) },
		"Enqueue track":    func(c *altertable.Client) error { return c.Enqueue(ctx, altertable.Track{Event: "e"}, nil) },
		"Enqueue identify": func(c *altertable.Client) error { return c.Enqueue(ctx, altertable.Identify{}, nil) },
	} {
		client, srv, _ := newClient(t)
		require.NoError(t, call(client), name)
		require.NoError(t, client.Flush(t.Context()))
		m := decoded(t, srv.Requests()[0].Body)
		assert.Equal(t, []any{"u_1", "anonymous-1", "device-1"}, []any{m["distinct_id"], m["anonymous_id"], m["device_id"]}, name)
	}
}

// Whom the message names is decided first, and BeforeSend may decide otherwise.
func TestBeforeSendSeesWhoActs(t *testing.T) {
	ctx := actor{"u_1", &altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1"}}.context(t.Context())
	var seen []altertable.Message
	client, srv, _ := newClient(t, altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
		seen = append(seen, m)
		if e, ok := m.(altertable.Track); ok && e.DistinctID == "" {
			e.DistinctID = "service"
			return e
		}
		return m
	}))
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "e"}))
	require.NoError(t, client.Identify(ctx, altertable.Identify{}))
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e"}), "it is validated afterwards")
	require.NoError(t, client.Flush(t.Context()))
	e, i := seen[0].(altertable.Track), seen[1].(altertable.Identify)
	assert.Equal(t, ids{"u_1", "anonymous-1", "device-1"}, ids{e.DistinctID, e.AnonymousID, e.DeviceID})
	assert.Equal(t, ids{"u_1", "anonymous-1", "device-1"}, ids{i.DistinctID, i.AnonymousID, i.DeviceID})
	assert.Equal(t, "service", srv.Events()[1].DistinctID)
}

func TestErrorsOfNobodyNameTheRemedies(t *testing.T) {
	client, _, _ := newClient(t)
	for text, err := range map[string]error{
		"Track: distinct_id must not be empty: set DistinctID, or pass a context with ContextWithUser or of Middleware":      client.Track(t.Context(), altertable.Track{Event: "e"}),
		"Identify: distinct_id must not be empty: set DistinctID, or pass a context with ContextWithUser":                    client.Identify(t.Context(), altertable.Identify{}),
		"TrackSync: distinct_id must not be empty where AnonymousID is set: set DistinctID, to the same id for a visitor":    answered(client.TrackSync(t.Context(), altertable.Track{Event: "e", AnonymousID: "anonymous-1"})),
		"IdentifySync: distinct_id must not be empty where AnonymousID is set: set DistinctID, to the same id for a visitor": answered(client.IdentifySync(t.Context(), altertable.Identify{AnonymousID: "anonymous-1"})),
	} {
		assert.EqualError(t, err, "altertable: "+text)
	}
}

func TestUserFromContext(t *testing.T) {
	var none context.Context
	_, ok := altertable.UserFromContext(none)
	assert.False(t, ok)
	_, ok = altertable.UserFromContext(t.Context())
	assert.False(t, ok)
	ctx := altertable.ContextWithUser(none, "u_1")
	inner := altertable.ContextWithUser(ctx, "u_2")
	hidden := altertable.ContextWithUser(inner, "")
	for want, ctx := range map[string]context.Context{
		"u_1": ctx, "u_2": inner, "": hidden,
	} {
		id, ok := altertable.UserFromContext(ctx)
		assert.Equal(t, want, id)
		assert.Equal(t, want != "", ok)
	}
}

func TestVisitorFromContext(t *testing.T) {
	var none context.Context
	_, ok := altertable.VisitorFromContext(none)
	assert.False(t, ok)
	full := altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1"}
	for _, test := range []struct{ put, want altertable.Visitor }{
		{full, full},
		{altertable.Visitor{}, altertable.Visitor{}},
		{altertable.Visitor{DeviceID: "device-1", Consent: altertable.ConsentGranted}, altertable.Visitor{DeviceID: "device-1", Consent: altertable.ConsentGranted}},
		{altertable.Visitor{AnonymousID: "anonymous-1", Consent: altertable.ConsentPending}, altertable.Visitor{Consent: altertable.ConsentPending}},
		{altertable.Visitor{AnonymousID: "anonymous-1", Consent: altertable.ConsentDenied}, altertable.Visitor{Consent: altertable.ConsentDenied}},
		{altertable.Visitor{AnonymousID: "null", DeviceID: " ", Consent: altertable.ConsentGranted}, altertable.Visitor{Consent: altertable.ConsentGranted}},
	} {
		v, ok := altertable.VisitorFromContext(altertable.ContextWithVisitor(altertable.ContextWithVisitor(none, full), test.put))
		assert.Equal(t, test.want, v)
		assert.Equal(t, v.AnonymousID+v.DeviceID != "", ok)
	}
}

// Each of the functions leaves alone what the others put into the context.
func TestScopesAddUp(t *testing.T) {
	client, srv, _ := newClient(t)
	ctx := altertable.ContextWithProperties(t.Context(), altertable.Properties{"tenant": "acme"})
	ctx = altertable.ContextWithUser(ctx, "u_1")
	ctx = altertable.ContextWithVisitor(ctx, altertable.Visitor{AnonymousID: "anonymous-1"})
	require.NoError(t, client.Track(context.WithoutCancel(ctx), altertable.Track{Event: "job"}))
	require.NoError(t, client.Track(altertable.ContextWithUser(ctx, ""), altertable.Track{Event: "logged_out"}))
	require.NoError(t, client.Track(altertable.ContextWithVisitor(ctx, altertable.Visitor{}), altertable.Track{Event: "impersonated"}))
	require.NoError(t, client.Flush(t.Context()))
	events := srv.Events()
	assert.Equal(t, ids{"u_1", "anonymous-1", ""}, ids{events[0].DistinctID, events[0].AnonymousID, events[0].DeviceID})
	assert.Equal(t, ids{"anonymous-1", "", ""}, ids{events[1].DistinctID, events[1].AnonymousID, events[1].DeviceID})
	assert.Equal(t, ids{"u_1", "", ""}, ids{events[2].DistinctID, events[2].AnonymousID, events[2].DeviceID})
	for _, e := range events {
		assert.Equal(t, "acme", e.Properties["tenant"])
	}
}

// asked is a context that counts how often it is asked, and may panic.
type asked struct {
	context.Context
	times atomic.Int64
	panic bool
}

func (c *asked) Value(key any) any {
	c.times.Add(1)
	if c.panic {
		panic("a hostile context")
	}
	return c.Context.Value(key)
}

func TestTheContextIsAskedOnce(t *testing.T) {
	client, _, _ := newClient(t, altertable.WithRequestProperties(), altertable.WithConsentRequired())
	ctx := &asked{Context: altertable.ContextWithUser(t.Context(), "u_1")}
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "e"}))
	assert.EqualValues(t, 1, ctx.times.Load())
	require.NoError(t, client.Identify(ctx, altertable.Identify{}))
	assert.EqualValues(t, 2, ctx.times.Load())
	require.NoError(t, client.Alias(ctx, altertable.Alias{DistinctID: "a", NewUserID: "b"}))
	assert.EqualValues(t, 2, ctx.times.Load())
}

// The caller's own bug panics on the caller's goroutine, and costs nothing else.
func TestHostileContexts(t *testing.T) {
	client, srv, l := newClient(t)
	ctx := &asked{Context: t.Context(), panic: true}
	assert.Panics(t, func() { _ = client.Track(ctx, event("e")) })
	assert.Panics(t, func() { _ = client.Identify(ctx, altertable.Identify{DistinctID: "u_1"}) })
	assert.Panics(t, func() { _, _ = client.TrackSync(ctx, event("e")) })
	track(t, client, "e0")
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, []string{"e0"}, stored(srv))
	l.settle(t, client, "e0")
}

// A nil client knows no contexts, and nobody acts.
func TestWhoActsWithoutAClient(t *testing.T) {
	var none *altertable.Client
	require.NoError(t, none.Track(t.Context(), altertable.Track{}))
	require.NoError(t, none.Identify(t.Context(), altertable.Identify{}))
	client, _, _ := newClient(t, altertable.WithDisabled(true))
	var invalid *altertable.ValidationError
	require.ErrorAs(t, client.Track(t.Context(), altertable.Track{Event: "e"}), &invalid)
	require.NoError(t, client.Track(altertable.ContextWithUser(t.Context(), "u_1"), altertable.Track{Event: "e"}))
	require.NoError(t, client.Close())
	assert.False(t, errors.Is(client.Track(t.Context(), altertable.Track{Event: "e"}), altertable.ErrClosed), "it is validated first")
}

// What authenticates says who acts, and handlers need not.
func ExampleContextWithUser() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithVisitorKey("pk_1"))

	upgrade := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = client.Track(r.Context(), altertable.Track{Event: "plan_upgraded", Properties: altertable.Properties{"plan": "pro"}})
	})
	authenticate := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := altertable.ContextWithUser(r.Context(), "u_42") // of the session
			ctx = altertable.ContextWithProperties(ctx, altertable.Properties{"tenant": "acme"})
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	handler := client.Middleware(authenticate(upgrade))

	r := httptest.NewRequest("POST", "/upgrade", nil)
	r.Header.Set("Cookie", cookie("atbl.pk_1.production", `{"trackingConsent":"granted","distinctId":"anonymous-1"}`))
	handler.ServeHTTP(httptest.NewRecorder(), r)
	_ = client.Close()
	e := srv.Events()[0]
	fmt.Println(e.Event, e.DistinctID, e.AnonymousID, e.Properties["tenant"])
	// Output: plan_upgraded u_42 anonymous-1 acme
}
