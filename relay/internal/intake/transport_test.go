package intake_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

func inMemory(t *testing.T, s *service, tenant, method, path, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://relay.invalid"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.Transport(tenant).RoundTrip(r)
	require.NoError(t, err)
	return read(t, resp)
}

func TestTheTransportNeedsNoToken(t *testing.T) {
	other := intake.Tenant{Name: "other", Environments: []string{"production"}}
	s := start(t, intake.Options{Tenants: []intake.Tenant{acme(), other}})
	assert.Equal(t, 200, inMemory(t, s, "other", "POST", "/track", list(2, track)).status)
	assert.Len(t, s.events(t, "other"), 2)
	assert.Empty(t, s.stored(t, "acme"))

	a := inMemory(t, s, "other", "POST", "/track", strings.Replace(track(1), "production", "x", 1))
	assert.Equal(t, "environment-not-found", a.code)
	assert.Equal(t, 404, inMemory(t, s, "other", "POST", "/query", track(1)).status)
	assert.Equal(t, 405, inMemory(t, s, "other", "GET", "/track", "").status)
	assert.Equal(t, 400, inMemory(t, s, "other", "POST", "/track", "").status)
	assert.Equal(t, 413, inMemory(t, s, "other", "POST", "/track", strings.Repeat(" ", 3<<20)).status)
	assert.Equal(t, 401, inMemory(t, s, "nobody", "POST", "/track", track(1)).status)

	resp, err := (&http.Client{Transport: s.Transport("other")}).Get("http://relay.invalid/track")
	require.NoError(t, err)
	assert.Equal(t, 405, read(t, resp).status)
	s.Close()
	requireLater(t, inMemory(t, s, "other", "POST", "/track", track(1)), "unavailable")
}

func TestWhatASpoolHoldsGoesThroughTheTransport(t *testing.T) {
	s := start(t, intake.Options{})
	dir := t.TempDir()
	writer, err := altertable.New("any", altertable.WithSpool(dir, altertable.SpoolWriteOnly()), altertable.WithBaseURL("http://localhost"),
		altertable.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	for range 300 {
		require.NoError(t, writer.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_1"}))
	}
	require.NoError(t, writer.Close())
	client, err := altertable.New("any", altertable.WithSpool(dir), altertable.WithBaseURL("http://localhost"),
		altertable.WithHTTPClient(&http.Client{Transport: s.Transport("acme")}), altertable.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, client.Close())
	assert.Len(t, s.events(t, "acme"), 300)
}

func TestTheTransportEndsWithItsContext(t *testing.T) {
	b := openBroker(t)
	begun, release := make(chan bool), make(chan bool)
	s := startOn(t, b, intake.Options{JetStream: wrap(b, func(ctx context.Context, _ *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		close(begun)
		<-release
		return publish(ctx)
	})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://relay.invalid/track", strings.NewReader(track(1)))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	_, err = s.Transport("acme").RoundTrip(r)
	require.ErrorIs(t, err, context.Canceled)
	close(release)
	s.Close()
	assert.Len(t, s.events(t, "acme"), 1, "it is stored all the same")
}

// A closer tells when it is closed.
type closer struct {
	io.Reader
	closed chan bool
}

func (c closer) Close() error { close(c.closed); return nil }

func TestTheTransportClosesTheBodyAndSurvivesAPanic(t *testing.T) {
	s := startOn(t, nil, intake.Options{JetStream: func() jetstream.JetStream { panic("secret") }})
	body := closer{strings.NewReader(track(1)), make(chan bool)}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://relay.invalid/track", body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	_, err = s.Transport("acme").RoundTrip(r)
	require.ErrorContains(t, err, "panicked")
	<-body.closed
	assert.NotContains(t, s.log.String(), "secret")
}
