package broker

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShare(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct {
		tenants []Tenant
		room    int64
		want    map[string]size
	}{
		"one":        {[]Tenant{{Name: "a"}}, 80 * gib, map[string]size{"a": {80 * gib, 10 * gib}}},
		"two":        {[]Tenant{{Name: "a"}, {Name: "b"}}, 80 * gib, map[string]size{"a": {40 * gib, 5 * gib}, "b": {40 * gib, 5 * gib}}},
		"one is set": {[]Tenant{{Name: "a", MaxBytes: 20 * gib}, {Name: "b"}}, 80 * gib, map[string]size{"a": {20 * gib, 20 * gib / 8}, "b": {60 * gib, 60 * gib / 8}}},
		"too much":   {[]Tenant{{Name: "a", MaxBytes: 90 * gib}, {Name: "b"}}, 80 * gib, map[string]size{"a": {90 * gib, 90 * gib / 8}, "b": {minSize, minSize}}},
		"endless":    {[]Tenant{{Name: "a"}, {Name: "b", MaxBytes: gib}}, -1, map[string]size{"a": {-1, fewDead}, "b": {gib, gib / 8}}},
		"huge":       {[]Tenant{{Name: "a", MaxBytes: 1 << 50}}, 80 * gib, map[string]size{"a": {1 << 50, maxDead}}},
		"whole MiB":  {[]Tenant{{Name: "a"}}, gib + 12345, map[string]size{"a": {gib, gib / 8}}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, share(c.tenants, c.room)) })
	}
}

// Without a bound it is 80 % of the disk.
func TestDiskIsShared(t *testing.T) {
	b := open(t, Options{Data: t.TempDir()}, Tenant{Name: "acme"}, Tenant{Name: "other"})
	_, total, ok := b.Disk()
	assert.True(t, ok)
	for _, name := range []string{"acme", "other"} {
		assert.InDelta(t, float64(total)*0.4, float64(streamOf(t, b, Stream(name)).MaxBytes), float64(total)*0.01)
	}
}

// In a cluster it is 80 % of what the account may store, for each copy.
func TestAccountIsShared(t *testing.T) {
	const gib = 1 << 30
	nodes := startNodes(t, 1, nil)
	limits := func(l server.JetStreamAccountLimits) {
		l.MaxMemory, l.MaxStreams, l.MaxConsumers = -1, -1, -1
		require.NoError(t, nodes.servers[0].GlobalAccount().UpdateJetStreamLimits(map[string]server.JetStreamAccountLimits{"": l}))
	}
	log := new(record)
	o := Options{URL: nodes.url(), Replicas: 1, Logger: log.logger()}
	b := open(t, o, Tenant{Name: "free"})
	assert.EqualValues(t, -1, streamOf(t, b, Stream("free")).MaxBytes)
	assert.Equal(t, 1, log.count("--max-bytes"))
	require.NoError(t, b.JetStream().DeleteStream(t.Context(), Stream("free")))
	require.NoError(t, b.JetStream().DeleteStream(t.Context(), DeadStream("free")))

	limits(server.JetStreamAccountLimits{MaxStore: 2 * gib})
	b = open(t, o, Tenant{Name: "acme"}, Tenant{Name: "other"})
	want := int64(2*gib) / 10 * 8 / 2 / mib * mib
	assert.Equal(t, want, streamOf(t, b, Stream("acme")).MaxBytes)
	assert.Equal(t, want, streamOf(t, b, Stream("other")).MaxBytes)

	b, err := Open(o, Tenant{Name: "large", MaxBytes: 4 * gib})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool { return strings.Contains(b.Ready(t.Context()).Error(), "max bytes") })
}
