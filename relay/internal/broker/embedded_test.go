package broker

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nobody reaches the embedded server from outside, and what it acknowledges is on disk.
func TestNoDoors(t *testing.T) {
	b := open(t, Options{Data: t.TempDir()})
	s := b.server.current.Load()
	assert.Nil(t, s.Addr())
	assert.Nil(t, s.MonitorAddr())
	assert.Nil(t, s.ClusterAddr())
	assert.Nil(t, s.ProfilerAddr())
	assert.True(t, s.JetStreamConfig().SyncAlways)
	o := b.server.options()
	assert.True(t, o.NoSigs)
	assert.Zero(t, o.Websocket.Port+o.MQTT.Port+o.LeafNode.Port+o.Gateway.Port)
}

func TestServerLog(t *testing.T) {
	log := new(record)
	l := newServerLog(log.logger())
	l.Noticef("  noticed %d", 1)
	l.Warnf("warned")
	l.Debugf("debugged")
	l.Tracef("traced %s", "payload")
	assert.Equal(t, 1, log.count("level=DEBUG msg=\"noticed 1\""))
	assert.Equal(t, 1, log.count("level=WARN msg=warned"))
	assert.NotContains(t, log.String(), "debugged")
	assert.NotContains(t, log.String(), "payload")
	require.NoError(t, l.fatal())
	l.Fatalf("cannot %s", "start")
	require.ErrorContains(t, l.fatal(), "cannot start")
	for range 3 { // it is told once
		l.Errorf("Filestore [S] Critical write error: %v", "no space")
	}
	<-l.broken
	assert.Empty(t, l.broken)
	l.Errorf("Critical write error")
	l.reset()
	assert.Empty(t, l.broken)
	require.NoError(t, l.fatal())
	newServerLog(slog.New(slog.DiscardHandler)).Errorf("x")
}
