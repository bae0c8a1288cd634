package broker

import (
	"testing"

	"github.com/stretchr/testify/assert"
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
		"endless":    {[]Tenant{{Name: "a"}, {Name: "b", MaxBytes: gib}}, -1, map[string]size{"a": {-1, maxDead}, "b": {gib, gib / 8}}},
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
