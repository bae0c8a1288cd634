package gather

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

func TestRecentIsBounded(t *testing.T) {
	number := func(i int) (s idSum) {
		binary.BigEndian.PutUint64(s[:], uint64(i))
		return s
	}
	r := recent{window: time.Hour}
	for i := range 3 * mostRecent {
		r.add(number(i))
	}
	assert.LessOrEqual(t, len(r.now)+len(r.before), 2*mostRecent)
	assert.True(t, r.has(number(3*mostRecent-1)))
	assert.True(t, r.has(number(2*mostRecent)))
	assert.False(t, r.has(number(0)))
}

func TestRememberHostileHeader(t *testing.T) {
	r := recent{window: time.Hour}
	r.remember(nats.Header{broker.HeaderIDs: {"x %% AAAA AAAAAAAAAAAAAAAAA " + "AAAAAAAAAAAAAAAA"}})
	assert.Len(t, r.now, 1)
}
