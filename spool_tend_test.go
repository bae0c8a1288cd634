package altertable_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// adoptionDelay is within what a living client adopts what a dead one left: a
// minute, give or take half of it.
const adoptionDelay = 90 * time.Second

// A client that dies does not wait for the next start: one that lives delivers.
func TestLivingClientAdopts(t *testing.T) {
	for name, test := range map[string]struct {
		own int // messages of its own that wait
		opt altertable.Option
	}{
		"idle":               {0, nil},
		"with little memory": {0, altertable.WithMaxQueueSize(10)},
		"with a backlog":     {100, altertable.WithMaxQueueSize(10)},
		"with a queue":       {100, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				client, srv, l := newSpoolClient(t, dir, test.opt)
				own := numberedFrom(1000, test.own)
				down := srv.Always(altertabletest.Status(503).MatchBody(contains(own...)))
				track(t, client, own...)
				stranded(t, dir, numbered(30)...)
				pass(adoptionDelay)
				assert.EqualValues(t, 30+test.own, client.Stats().Accepted)
				down.Release()
				pass(5 * time.Minute)
				assert.ElementsMatch(t, append(numbered(30), own...), stored(srv))
				l.settle(t, client, append(numbered(30), own...)...)
				stranded(t, dir, "again")
				pass(adoptionDelay)
				assert.Contains(t, stored(srv), "again")
				require.NoError(t, client.Close())
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// What was adopted on the way is covered by Flush and kept by Shutdown.
func TestFlushAndShutdownOfAdoptedMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir)
		down := srv.Always(altertabletest.Status(503))
		stranded(t, dir, numbered(30)...)
		pass(adoptionDelay)
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(t.Context()) }()
		pass(time.Minute)
		assert.Empty(t, flushed)
		down.Release()
		require.NoError(t, <-flushed)
		assert.ElementsMatch(t, numbered(30), stored(srv))
		srv.Always(altertabletest.Status(503))
		stranded(t, dir, "left")
		pass(adoptionDelay)
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		next, later, _ := newSpoolClient(t, dir)
		require.NoError(t, next.Close())
		assert.Equal(t, []string{"left"}, stored(later))
	})
}

// Whoever comes first adopts a file, and nobody else does.
func TestManyLivingClientsAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		srv := altertabletest.NewServer()
		defer srv.Close()
		const clients, dead, each = 5, 20, 10
		var living []*altertable.Client
		for range clients {
			client, _ := newKeyClient(t, "altertabletest-key", spoolURL, srv.HTTPClient().Transport, altertable.WithSpool(dir))
			living = append(living, client)
		}
		var all []string
		var dying []*altertable.Client
		for i := range dead {
			client, down, _ := newSpoolClient(t, dir)
			down.Always(altertabletest.Status(503))
			for j := range each {
				all = append(all, fmt.Sprint("e", i, "-", j))
			}
			track(t, client, all[i*each:]...)
			dying = append(dying, client)
		}
		for _, client := range dying {
			pass(10 * time.Second)
			require.NoError(t, client.Shutdown(within(t, time.Millisecond)))
		}
		pass(adoptionDelay)
		pass(adoptionDelay)
		assert.ElementsMatch(t, all, stored(srv))
		var accepted int64
		for _, client := range living {
			accepted += client.Stats().Accepted
			require.NoError(t, client.Close())
		}
		assert.EqualValues(t, len(all), accepted)
		assert.Empty(t, files(t, dir))
	})
}

// An adopted person's identifies keep their order among themselves.
func TestAdoptedIdentifiesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir, altertable.WithMaxQueueSize(3), altertable.WithMaxBatchSize(2))
		dead, down, _ := newSpoolClient(t, dir, manyFiles(dir))
		down.Always(altertabletest.Status(503))
		for i := range 20 {
			require.NoError(t, dead.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"last": i, fmt.Sprint(i): true}}))
		}
		require.NoError(t, dead.Shutdown(within(t, time.Millisecond)))
		pass(adoptionDelay)
		identity, ok := srv.Identity("production", "u_1")
		require.True(t, ok)
		assert.Len(t, identity.Traits, 21)
		assert.EqualValues(t, 19, identity.Traits["last"])
		require.NoError(t, client.Close())
	})
}

// A client that is over half of its bound leaves the files to others, for later.
func TestFullClientAdoptsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(16<<10)))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(40)...)
		stranded(t, dir, numberedFrom(40, 10)...)
		pass(5 * time.Minute)
		assert.EqualValues(t, 40, client.Stats().Accepted)
		down.Release()
		pass(5 * time.Minute)
		assert.ElementsMatch(t, numbered(50), stored(srv))
		require.NoError(t, client.Close())
		assert.Empty(t, files(t, dir))
	})
}
