package gather

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// An idSum stands for an id: many are remembered.
type idSum [12]byte

func sumOf(id string) (s idSum) {
	sum := sha256.Sum256([]byte(id))
	copy(s[:], sum[:])
	return s
}

// remember adds the ids of a stored message.
func (r *recent) remember(h nats.Header) {
	if id := h.Get(jetstream.MsgIDHeader); id != "" {
		r.add(sumOf(id))
	}
	for _, text := range strings.Fields(h.Get(broker.HeaderIDs)) {
		var s idSum
		if n, err := base64.RawURLEncoding.Decode(s[:], []byte(text)); err == nil && n == len(s) {
			r.add(s)
		}
	}
}

const (
	seedTimeout = 30 * time.Second
	seedLast    = 64 // messages
)

// Seed remembers the last messages of the tenant's stream: those that an earlier
// process may have stored without an answer. Others were answered, so nobody repeats
// them. It is called before the first Publish, and may be called again after an error.
func (g *Gatherer) Seed(ctx context.Context, tenant string) error {
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	stream, err := g.js.Stream(ctx, broker.Stream(tenant))
	if err != nil {
		return err
	}
	state := stream.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	for seq := state.LastSeq; seq >= state.FirstSeq && seq > 0 && state.LastSeq-seq < seedLast; seq-- {
		m, err := stream.GetMsg(ctx, seq)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && time.Since(m.Time) < g.recent.window { // else it is gone, or not to be read
			g.mu.Lock()
			g.recent.remember(m.Header)
			g.mu.Unlock()
		}
	}
	return nil
}

// A recent is a set of ids, each kept for at least the window, or among the last
// mostRecent.
type recent struct {
	window  time.Duration
	now     map[idSum]struct{}
	before  map[idSum]struct{}
	rotated time.Time
}

const mostRecent = 200_000 // about 10 MB

func (r *recent) has(s idSum) bool {
	r.rotate()
	_, now := r.now[s]
	_, before := r.before[s]
	return now || before
}

func (r *recent) add(s idSum) {
	r.rotate()
	r.now[s] = struct{}{}
}

func (r *recent) rotate() {
	t := time.Now()
	if r.now != nil && t.Sub(r.rotated) < r.window && len(r.now) < mostRecent {
		return
	}
	r.before, r.now = r.now, make(map[idSum]struct{})
	if t.Sub(r.rotated) >= 2*r.window {
		r.before = nil
	}
	r.rotated = t
}
