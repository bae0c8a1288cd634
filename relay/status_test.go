package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
	"github.com/altertable-ai/altertable-go/relay/internal/drain"
)

func TestStatus(t *testing.T) {
	dir := cacheIn(t)
	s := serveWith(t, nil).working()
	status1, out, errOut := runCommand(t, nil, "status", "--json")
	assert.Zero(t, status1, errOut)
	var st status
	require.NoError(t, json.Unmarshal([]byte(out), &st))
	assert.True(t, st.Running && st.Ready)
	assert.Equal(t, "embedded", st.API)
	assert.Equal(t, []string{"intake", "drain"}, st.Roles)
	assert.Equal(t, dir+"/altertable-relay-offline", st.Data)
	require.Len(t, st.Tenants, 1)
	assert.Positive(t, st.Tenants[0].Stored.MaxBytes)
	require.NotNil(t, st.Tenants[0].Drain)
	assert.Zero(t, s.stop())

	status1, out, errOut = runCommand(t, nil, "status")
	assert.Zero(t, status1, errOut)
	assert.Contains(t, out, "no relay runs here")
	assert.Contains(t, out, " 0 B of "+bytesOf(st.Tenants[0].Stored.MaxBytes)+" ")
}

// TestAnotherRelayIsNotAsked names a store: what runs at the usual address may be
// another one's.
func TestAnotherRelayIsNotAsked(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		asks bool
		dial bool // sockets first
	}{
		{nil, true, true},
		{[]string{"--data", dir}, false, true},
		{[]string{"--nats", "nats://a"}, false, false},
		{[]string{"--data", dir, "--admin-listen", "127.0.0.1:1"}, true, true},
		{[]string{"--admin-listen", "127.0.0.1:1"}, true, false},
		{[]string{"--admin-listen", "0.0.0.0:1"}, false, true},
		{[]string{"--admin-listen", "none"}, false, true},
	} {
		c, _ := terminal{lookup(nil), io.Discard, io.Discard}.parse("status", tt.args, config.Ask, nil)
		require.NotNil(t, c)
		assert.Equal(t, tt.asks, asksAddress(c), "%q", tt.args)
		assert.Equal(t, tt.dial, len(sockets(c)) > 0, "%q", tt.args)
	}
	s := serveWith(t, nil, "--api", "offline", "--data", dir).working()
	assert.Zero(t, s.stop())
	other := serveWith(t, nil, "--api", "offline", "--data", t.TempDir()).working()
	_, out, _ := runCommand(t, nil, "status", "--data", dir)
	assert.Contains(t, out, "no relay runs here")
	_, out, _ = runCommand(t, nil, "status", "--admin-listen", strings.TrimPrefix(other.admin, "http://"))
	assert.Contains(t, out, "ready")
}

func TestWhatADrainDoes(t *testing.T) {
	last := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		t    tenantStatus
		want string
	}{
		{tenantStatus{}, "-"},
		{tenantStatus{Error: "no leader"}, "no leader"},
		{tenantStatus{Absent: true}, "no relay has served it here yet"},
		{tenantStatus{Drain: &drain.Status{}}, "stands by"},
		{tenantStatus{Drain: &drain.Status{Leads: []string{"events"}}}, "leads"},
		{tenantStatus{Drain: &drain.Status{Leads: []string{"events"}, Last: last}}, "leads, delivered last at 2026-11-27T12:00:00Z"},
		{tenantStatus{Drain: &drain.Status{Paused: "unauthorized", Missing: []string{"staging"}, MissingCount: 1}}, "paused (staging: environment-not-found; tenant: unauthorized)"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, tt.t.does())
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 10 << 30: "10.0 GiB", 1 << 62: "4.0 EiB"} {
		assert.Equal(t, want, bytesOf(n))
	}
}
