package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func streamDir(data string) string {
	return filepath.Join(data, StoreName, "$G", "streams", Stream("acme"))
}

func cut(t *testing.T, file string, by int64) {
	t.Helper()
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(file, info.Size()-by))
}

func garbage(t *testing.T, file string, at int64, n int) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	junk := make([]byte, n)
	for i := range junk {
		junk[i] = byte(i*31 + 7)
	}
	_, err = f.WriteAt(junk, at)
	require.NoError(t, err)
}

// A store whose files are damaged is opened all the same, and says so; what the
// damage has not hit comes to the drain, and nothing else stays.
func TestDamagedFiles(t *testing.T) {
	block := func(s string, n int) string { return filepath.Join(s, "msgs", fmt.Sprintf("%d.blk", n)) }
	consumer := func(s, file string) string { return filepath.Join(s, "obs", EventsConsumer, file) }
	for name, c := range map[string]struct {
		damage func(t *testing.T, stream string)
		least  int // messages that are delivered, of 399
		said   bool
	}{
		"last block cut":           {func(t *testing.T, s string) { cut(t, block(s, 3), 1000) }, 398, true},
		"last block cut, no index": {func(t *testing.T, s string) { removeIndex(t, s); cut(t, block(s, 3), 1000) }, 398, true},
		"first block cut":          {func(t *testing.T, s string) { cut(t, block(s, 1), 1000) }, 398, true},
		"garbage":                  {func(t *testing.T, s string) { garbage(t, block(s, 2), 4<<20, 100) }, 398, true},
		// Without the index the rest of the block goes.
		"garbage, no index": {func(t *testing.T, s string) { removeIndex(t, s); garbage(t, block(s, 2), 4<<20, 100) }, 300, true},
		"block empty":       {func(t *testing.T, s string) { truncate(t, block(s, 2)) }, 200, true},
		"block away":        {func(t *testing.T, s string) { remove(t, block(s, 2)) }, 200, true},
		"index garbage":     {func(t *testing.T, s string) { garbage(t, filepath.Join(s, "msgs", "index.db"), 0, 50) }, 399, true},
		"index empty":       {func(t *testing.T, s string) { truncate(t, filepath.Join(s, "msgs", "index.db")) }, 399, true},
		"index away":        {removeIndex, 399, false},
		"meta garbage":      {func(t *testing.T, s string) { garbage(t, filepath.Join(s, "meta.inf"), 0, 50) }, 399, true},
		"meta empty":        {func(t *testing.T, s string) { truncate(t, filepath.Join(s, "meta.inf")) }, 399, true},
		"meta away":         {func(t *testing.T, s string) { remove(t, filepath.Join(s, "meta.inf")) }, 399, true},
		"sum away":          {func(t *testing.T, s string) { remove(t, filepath.Join(s, "meta.sum")) }, 399, true},
		"consumers away":    {func(t *testing.T, s string) { remove(t, filepath.Join(s, "obs")) }, 399, false},
		"consumer's meta":   {func(t *testing.T, s string) { garbage(t, consumer(s, "meta.inf"), 0, 20) }, 399, true},
		"consumer's state":  {func(t *testing.T, s string) { garbage(t, consumer(s, "o.dat"), 0, 20) }, 399, true},
		"temporary file":    {func(t *testing.T, s string) { require.NoError(t, os.WriteFile(block(s, 1)+".tmp", []byte("x"), 0o600)) }, 399, false},
	} {
		t.Run(name, func(t *testing.T) {
			data, text := t.TempDir(), randomBody(t, 100)
			b := open(t, Options{Data: data}, Tenant{Name: "acme", MaxBytes: 1 << 30})
			for range 400 {
				publish(t, b, "acme", string(text))
			}
			require.Equal(t, 1, newPuller(t, b).deliver(1)) // so that the consumer has a state
			b.Close()

			c.damage(t, streamDir(data))
			log := new(record)
			b = open(t, Options{Data: data, Logger: log.logger()}, Tenant{Name: "acme", MaxBytes: 1 << 30})
			p := newPuller(t, b)
			assert.GreaterOrEqual(t, p.deliver(c.least), c.least)
			publish(t, b, "acme", "[]")
			p.deliver(int(messages(t, b, "acme")))
			if messages(t, b, "acme") > 0 {
				b.tidyAtStart()
			}
			assert.Zero(t, messages(t, b, "acme"))
			if c.said {
				assert.Positive(t, log.count("level=WARN")+log.count("level=ERROR"))
			}
		})
	}
}

// What a kill leaves: an index that is older than the files, of which the server
// has removed those whose messages were acknowledged.
func TestAKillAfterDeliveryIsNoDamage(t *testing.T) {
	for name, c := range map[string]struct{ delivered, errors, notes int }{
		"all delivered":  {400, 0, 1},
		"some delivered": {200, 0, 0}, // the first file is gone, and the server finds it out
		"none delivered": {0, 1, 0},   // and the first file is gone all the same
	} {
		t.Run(name, func(t *testing.T) {
			data, text := t.TempDir(), randomBody(t, 100)
			b := open(t, Options{Data: data}, Tenant{Name: "acme", MaxBytes: 1 << 30})
			for range 400 {
				publish(t, b, "acme", string(text))
			}
			b.Close()
			index := filepath.Join(streamDir(data), "msgs", "index.db")
			old, err := os.ReadFile(index)
			require.NoError(t, err)

			b = open(t, Options{Data: data}, Tenant{Name: "acme", MaxBytes: 1 << 30})
			if c.delivered > 0 {
				require.Equal(t, c.delivered, newPuller(t, b).deliver(c.delivered))
			}
			b.Close()
			require.NoError(t, os.WriteFile(index, old, 0o600))
			_ = os.Remove(filepath.Join(streamDir(data), "msgs", "1.blk"))

			log := new(record)
			open(t, Options{Data: data, Logger: log.logger()}, Tenant{Name: "acme", MaxBytes: 1 << 30})
			assert.Equal(t, c.errors, log.count("messages are lost"))
			assert.Equal(t, c.notes, log.count("as a kill leaves it"))
		})
	}
}

func truncate(t *testing.T, file string) {
	t.Helper()
	require.NoError(t, os.Truncate(file, 0))
}

func remove(t *testing.T, path string) {
	t.Helper()
	_, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(path))
}

func removeIndex(t *testing.T, stream string) {
	t.Helper()
	remove(t, filepath.Join(stream, "msgs", "index.db"))
}

// A puller is one client of the events consumer.
type puller struct {
	t *testing.T
	c jetstream.Consumer
}

func newPuller(t *testing.T, b *Broker) *puller {
	t.Helper()
	c, err := b.JetStream().Consumer(ctxOf(t, patience), Stream("acme"), EventsConsumer)
	require.NoError(t, err)
	return &puller{t, c}
}

// deliver acknowledges up to n messages, and returns how many there were. What a fetch
// does not bring in its second, on a busy machine, a later one does.
func (p *puller) deliver(n int) (got int) {
	p.t.Helper()
	for empty := 0; got < n; {
		batch, err := p.c.Fetch(n-got, jetstream.FetchMaxWait(time.Second), jetstream.FetchPriorityGroup(Group))
		require.NoError(p.t, err)
		before := got
		for m := range batch.Messages() {
			require.NoError(p.t, m.DoubleAck(ctxOf(p.t, patience)))
			got++
		}
		if got > before {
			empty = 0
			continue
		}
		if empty++; empty == 20 || p.hasNone() {
			return got
		}
	}
	return got
}

// hasNone reports whether the consumer knows of no message that is to come.
func (p *puller) hasNone() bool {
	p.t.Helper()
	info, err := p.c.Info(ctxOf(p.t, patience))
	require.NoError(p.t, err)
	return info.NumPending == 0 && info.NumAckPending == 0
}
