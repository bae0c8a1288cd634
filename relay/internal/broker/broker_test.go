package broker

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsStoredIsThereAfterRestart(t *testing.T) {
	o := Options{Data: t.TempDir(), Compress: true}
	b := open(t, o)
	require.NoError(t, b.Ready(t.Context()))
	publish(t, b, "acme", `[{"event":"signed_up"}]`)
	b.Close()
	log := new(record)
	o.Logger = log.logger()
	b = open(t, o)
	assert.EqualValues(t, 1, messages(t, b, "acme"))
	assert.Zero(t, log.count("is changed"), log.String())
	require.NoError(t, b.Ready(t.Context()))
}

// What others do at the start is done before anybody may publish, and tried again.
func TestAtStart(t *testing.T) {
	failure := errors.New("not yet")
	answers := make(chan error, 2)
	o := Options{Data: t.TempDir(), AtStart: func(ctx context.Context, js jetstream.JetStream) error {
		if _, err := js.Stream(ctx, Stream("acme")); err != nil {
			return err
		}
		select {
		case err := <-answers:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	b, err := Open(o, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	answers <- failure
	eventually(t, "the reason", func() bool { return errors.Is(b.Ready(t.Context()), failure) })
	assert.Nil(t, b.JetStream())
	assert.Nil(t, b.Writable())
	answers <- nil
	waitStarted(t, b)
	require.NoError(t, b.Ready(t.Context()))
}

func TestCloseDuringAtStart(t *testing.T) {
	called := make(chan struct{})
	b, err := Open(Options{Data: t.TempDir(), AtStart: func(ctx context.Context, _ jetstream.JetStream) error {
		close(called)
		<-ctx.Done()
		return ctx.Err()
	}}, small("acme")...)
	require.NoError(t, err)
	select {
	case <-called:
	case <-b.Started():
		require.Fail(t, "started without it")
	}
	b.Close()
	assert.Nil(t, b.JetStream())
}
