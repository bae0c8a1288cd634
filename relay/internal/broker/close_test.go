package broker

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCloseTwice(t *testing.T) {
	data := t.TempDir()
	b := open(t, Options{Data: data})
	js := b.JetStream()
	var closing sync.WaitGroup
	for range 4 {
		closing.Go(b.Close)
	}
	closing.Wait()
	b.Close()
	require.Error(t, b.Ready(t.Context()))
	_, err := js.Publish(ctxOf(t, time.Second), Subject("acme", "track"), []byte("[]"))
	require.Error(t, err)
	_, err = b.Backlog(ctxOf(t, time.Second), "acme")
	require.Error(t, err)
	open(t, Options{Data: data})
}

// Close may come at any moment of the start.
func TestCloseWhileStarting(t *testing.T) {
	data := t.TempDir()
	b := open(t, Options{Data: data})
	for range 200 {
		publish(t, b, "acme", string(bodyOf(t, 10)))
	}
	b.Close()
	for wait := time.Duration(0); wait < 20*time.Millisecond; wait += 500 * time.Microsecond {
		b, err := Open(Options{Data: data}, small("acme")...)
		require.NoError(t, err)
		if wait == 0 {
			require.Error(t, b.Ready(t.Context()))
			assert.Nil(t, b.JetStream())
		}
		select {
		case <-b.Started():
		case <-time.After(wait):
		}
		b.Close()
	}
	assert.EqualValues(t, 200, messages(t, open(t, Options{Data: data}), "acme"))
}

func TestCloseWhileNotConnected(t *testing.T) {
	b, err := Open(Options{URL: "nats://" + freeAddress(t)}, small("acme")...)
	require.NoError(t, err)
	b.Close()
	require.Error(t, b.Ready(t.Context()))
	select {
	case <-b.Started():
		require.Fail(t, "started")
	default:
	}
}
