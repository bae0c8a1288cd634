package altertable_test

import (
	"context"
	"maps"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// own returns properties without those that the SDK adds to all.
func own(p map[string]any) object {
	p = maps.Clone(p)
	for _, name := range []string{"$lib", "$lib_version", "$ip"} {
		delete(p, name)
	}
	return p
}

// Each layer sets its own name and those of all later ones, and later ones win.
func TestLayersOfProperties(t *testing.T) {
	layer := func(by string, names ...string) altertable.Properties {
		p := altertable.Properties{}
		for _, name := range names {
			p[name] = by
		}
		return p
	}
	var message altertable.Properties
	hooked := altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
		e := m.(altertable.Track)
		assert.NotContains(t, e.Properties, "default")
		assert.Equal(t, "context", e.Properties["outer"])
		e.Properties["hook"] = true
		return e
	})
	for name, opts := range map[string][]altertable.Option{"plain": nil, "BeforeSend": {hooked}} {
		t.Run(name, func(t *testing.T) {
			client, srv, _ := newClient(t, append(opts,
				altertable.WithDefaultProperties(layer("default", "$lib", "default", "$user_agent", "func", "outer", "inner", "own")),
				altertable.WithRequestProperties(),
				altertable.WithPropertiesFunc(func(context.Context) altertable.Properties {
					return layer("func", "$user_agent", "func", "outer", "inner", "own")
				}))...)
			ctx := throughMiddleware(t, client, requestWith("User-Agent", "request"))
			ctx = altertable.ContextWithProperties(ctx, layer("context", "outer", "inner", "own"))
			ctx = altertable.ContextWithProperties(ctx, layer("inner context", "inner", "own"))
			message = layer("message", "own")
			require.NoError(t, client.Track(ctx, altertable.Track{Event: "e", DistinctID: "u_1", Properties: message}))
			require.NoError(t, client.Flush(t.Context()))
			got := srv.Events()[0].Properties
			for name, want := range map[string]any{
				"$lib": "default", "default": "default", "$user_agent": "func", "func": "func", "outer": "context", "inner": "inner context", "own": "message",
				"$url": "https://example.com/", "$ip": 0.0,
			} {
				assert.Equal(t, want, got[name], name)
			}
			assert.Equal(t, len(opts) > 0, got["hook"] == true)
			assert.Equal(t, layer("message", "own"), message, "not written to")
		})
	}
}

func TestContextWithProperties(t *testing.T) {
	client, srv, _ := newClient(t)
	p := altertable.Properties{"a": 1, "b": 1}
	var none context.Context
	ctx := altertable.ContextWithProperties(none, p)
	inner := altertable.ContextWithProperties(ctx, altertable.Properties{"b": 2, "c": nil})
	p["a"] = "changed"
	same := altertable.ContextWithProperties(inner, nil)
	for _, ctx := range []context.Context{ctx, inner, same} {
		require.NoError(t, client.Track(ctx, event("e")))
	}
	require.NoError(t, client.Identify(inner, altertable.Identify{DistinctID: "u_1"}))
	require.NoError(t, client.Flush(t.Context()))
	events := srv.Events()
	assert.Equal(t, object{"a": 1.0, "b": 1.0}, own(events[0].Properties), "copied, and the outer context's stay")
	assert.Equal(t, object{"a": 1.0, "b": 2.0, "c": nil}, own(events[1].Properties))
	assert.Equal(t, own(events[1].Properties), own(events[2].Properties))
	assert.Empty(t, srv.Identities()[0].Traits, "for events only")
}

type ctxKey struct{}

func TestPropertiesFunc(t *testing.T) {
	client, srv, _ := newClient(t,
		altertable.WithPropertiesFunc(func(context.Context) altertable.Properties { panic("replaced") }),
		altertable.WithPropertiesFunc(func(ctx context.Context) altertable.Properties {
			if trace := ctx.Value(ctxKey{}); trace != nil {
				return altertable.Properties{"trace": trace}
			}
			return nil
		}))
	ctx := context.WithValue(t.Context(), ctxKey{}, "t_1")
	var none context.Context
	require.NoError(t, client.Track(ctx, event("traced")))
	require.NoError(t, client.Track(none, event("no_context")))
	require.NoError(t, client.Enqueue(ctx, event("enqueued"), nil))
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, answered(client.TrackSync(ctx, event("sync"))))
	require.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: "u_1"}))
	require.NoError(t, client.Alias(ctx, altertable.Alias{DistinctID: "a", NewUserID: "b"}))
	for _, e := range srv.Events() {
		want := object{"trace": "t_1"}
		if e.Event == "no_context" {
			want = object{}
		}
		assert.Equal(t, want, own(e.Properties), e.Event)
	}
	plain, srv, _ := newClient(t, altertable.WithPropertiesFunc(nil))
	track(t, plain, "e")
	require.NoError(t, plain.Flush(t.Context()))
	assert.Empty(t, own(srv.Events()[0].Properties))
}

func TestPropertiesFuncMisbehaves(t *testing.T) {
	misbehave := func() altertable.Properties { panic("secret") }
	client, srv, l := newClient(t, altertable.WithPropertiesFunc(func(context.Context) altertable.Properties { return misbehave() }))
	var invalid *altertable.ValidationError
	for _, err := range []error{client.Track(t.Context(), event("e")), answered(client.TrackSync(t.Context(), event("e"))), client.Enqueue(t.Context(), event("e"), nil)} {
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, altertable.ValidationError{Field: "properties", Reason: "made the function of WithPropertiesFunc panic"}, *invalid)
	}
	require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1"}), "it is for events only")

	misbehave = func() altertable.Properties { runtime.Goexit(); return nil }
	var wg sync.WaitGroup
	returned := false
	wg.Go(func() { returned = client.Track(t.Context(), event("e")) == nil })
	wg.Wait()
	assert.False(t, returned)

	misbehave = func() altertable.Properties { return altertable.Properties{"cart": make(chan int)} }
	err := client.Track(t.Context(), event("e"))
	require.ErrorAs(t, err, &invalid)
	assert.EqualError(t, err, `altertable: Track: properties "cart" holds a value of type chan int, which JSON cannot express`)

	misbehave = func() altertable.Properties { return nil }
	track(t, client, "e0")
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, []string{"e0"}, stored(srv))
	l.settle(t, client, "u_1", "e0")
}

func TestPropertiesOfTheContextThatCannotBeEncoded(t *testing.T) {
	client, _, _ := newClient(t)
	ctx := altertable.ContextWithProperties(t.Context(), altertable.Properties{"cart": func() {}})
	assert.EqualError(t, client.Track(ctx, event("e")), `altertable: Track: properties "cart" holds a value of type func(), which JSON cannot express`)
	assert.NoError(t, client.Track(ctx, altertable.Track{Event: "e", DistinctID: "u_1", Properties: altertable.Properties{"cart": "own"}}), "the own one wins")
}

// The map that BeforeSend gets is its own: what it writes is in no other event.
func TestBeforeSendGetsAFreshMap(t *testing.T) {
	var kept []altertable.Properties
	client, srv, _ := newClient(t, altertable.WithRequestProperties(), altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
		p := m.(altertable.Track).Properties
		p["n"] = len(kept)
		delete(p, "tenant")
		kept = append(kept, p)
		return m
	}))
	ctx := altertable.ContextWithProperties(throughMiddleware(t, client, requestWith("User-Agent", "ua")), altertable.Properties{"tenant": "acme"})
	for range 3 {
		require.NoError(t, client.Track(ctx, event("e")))
	}
	require.NoError(t, client.Flush(t.Context()))
	for n, e := range srv.Events() {
		assert.Equal(t, object{"n": float64(n), "$url": "https://example.com/", "$user_agent": "ua"}, own(e.Properties))
		assert.Equal(t, n, kept[n]["n"])
	}
}

// What the function of WithPropertiesFunc returns is read at once, and not written to.
func TestPropertiesFuncKeepsItsMap(t *testing.T) {
	shared := altertable.Properties{}
	client, srv, _ := newClient(t,
		altertable.WithPropertiesFunc(func(context.Context) altertable.Properties { return shared }),
		altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
			m.(altertable.Track).Properties["hook"] = true
			return m
		}))
	for i := range 3 {
		shared["i"] = i
		require.NoError(t, client.Track(altertable.ContextWithProperties(t.Context(), altertable.Properties{"tenant": "acme"}), event("e")))
		assert.Equal(t, altertable.Properties{"i": i}, shared)
	}
	require.NoError(t, client.Flush(t.Context()))
	for i, e := range srv.Events() {
		assert.Equal(t, object{"i": float64(i), "tenant": "acme", "hook": true}, own(e.Properties))
	}
}

// It may use the client, and while it blocks others do not.
func TestPropertiesFuncMayUseTheClient(t *testing.T) {
	blocked, goOn := make(chan struct{}), make(chan struct{})
	var client *altertable.Client
	client, srv, l := newClient(t, altertable.WithPropertiesFunc(func(ctx context.Context) altertable.Properties {
		if ctx.Value(ctxKey{}) == nil {
			return nil
		}
		close(blocked)
		<-goOn
		assert.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: "u_1"}))
		assert.NoError(t, client.Flush(ctx))
		return altertable.Properties{"accepted": client.Stats().Accepted}
	}))
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(t, client.Track(context.WithValue(t.Context(), ctxKey{}, 1), event("slow"))) })
	<-blocked
	track(t, client, "e0")
	close(goOn)
	wg.Wait()
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, []string{"e0", "slow"}, stored(srv))
	assert.Equal(t, object{"accepted": 2.0}, own(srv.Events()[1].Properties))
	l.settle(t, client, "e0", "u_1", "slow")
}

// Nothing of one call's properties is in another's.
func TestMergedPropertiesAreForgotten(t *testing.T) {
	client, srv, _ := newClient(t)
	many := altertable.Properties{}
	for _, name := range numbered(1000) {
		many[name] = 1
	}
	require.NoError(t, client.Track(altertable.ContextWithProperties(t.Context(), many), event("many")))
	require.NoError(t, client.Track(altertable.ContextWithProperties(t.Context(), altertable.Properties{"tenant": "acme"}), event("one")))
	track(t, client, "none")
	require.NoError(t, client.Flush(t.Context()))
	events := srv.Events()
	assert.Len(t, own(events[0].Properties), 1000)
	assert.Equal(t, object{"tenant": "acme"}, own(events[1].Properties))
	assert.Empty(t, own(events[2].Properties))
}

// One context is used by many goroutines at once.
func TestScopesAreSharedByGoroutines(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithRequestProperties(), altertable.WithMaxQueueSize(1_000_000))
	ctx := throughMiddleware(t, client, requestWith("User-Agent", "ua"))
	ctx = altertable.ContextWithProperties(altertable.ContextWithUser(ctx, "u_1"), altertable.Properties{"tenant": "acme"})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				assert.NoError(t, client.Track(ctx, altertable.Track{Event: "e", Properties: altertable.Properties{"own": 1}}))
				_ = altertable.ContextWithProperties(ctx, altertable.Properties{"tenant": "other"})
			}
		})
	}
	wg.Wait()
	require.NoError(t, client.Flush(t.Context()))
	events := srv.Events()
	require.Len(t, events, 800)
	for _, e := range events {
		require.Equal(t, object{"$url": "https://example.com/", "$user_agent": "ua", "tenant": "acme", "own": 1.0}, own(e.Properties))
	}
}

func TestMergingDoesNotAllocate(t *testing.T) {
	client := newBenchClient(t, hung{}, altertable.WithFlushInterval(1<<40), altertable.WithRequestProperties(),
		altertable.WithPropertiesFunc(func() func(context.Context) altertable.Properties {
			p := altertable.Properties{"region": "eu"}
			return func(context.Context) altertable.Properties { return p }
		}()))
	ctx := throughMiddleware(t, client, requestWith("User-Agent", "ua"))
	ctx = altertable.ContextWithProperties(altertable.ContextWithUser(ctx, "u_1"), altertable.Properties{"tenant": "acme"})
	allocates(t, 0, func() {
		if err := client.Track(ctx, altertable.Track{Event: "e", Properties: altertable.Properties{"plan": "pro", "seats": 5}}); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkTrackInARequest(b *testing.B) {
	client := newBenchClient(b, discard{}, altertable.WithRequestProperties())
	ctx := throughMiddleware(b, client, requestWith("User-Agent", "ua"))
	ctx = altertable.ContextWithProperties(altertable.ContextWithUser(ctx, "u_1"), altertable.Properties{"tenant": "acme"})
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Track(ctx, altertable.Track{Event: "e", Properties: checkout.Properties}); err != nil {
			b.Fatal(err)
		}
	}
}
