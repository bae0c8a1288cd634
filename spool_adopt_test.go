package altertable_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestNextClientDelivers(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, numbered(300)...)
	client, srv, l := newSpoolClient(t, dir)
	assert.EqualValues(t, 300, client.Stats().Accepted, "adopted by New")
	track(t, client, "new")
	require.NoError(t, client.Flush(t.Context()))
	assert.ElementsMatch(t, append(numbered(300), "new"), stored(srv))
	require.NoError(t, client.Close())
	assert.Empty(t, files(t, dir))
	l.settle(t, client, append(numbered(300), "new")...)
}

func TestDeliveredMessagesAreNotAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir, altertable.WithMaxBatchSize(1))
		srv.Always(altertabletest.Hang().MatchBody(contains("e1", "e3")))
		track(t, client, numbered(5)...)
		pass(2 * time.Second)
		assert.ElementsMatch(t, []string{"e0", "e2", "e4"}, stored(srv))
		require.NoError(t, client.Shutdown(within(t, time.Millisecond)))
		next, srv2, _ := newSpoolClient(t, dir)
		require.NoError(t, next.Flush(t.Context()))
		assert.Equal(t, []string{"e1", "e3"}, stored(srv2))
	})
}

func TestLivingClientsAndOtherTenantsAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, "e0")
	other, srv, _ := newSpoolClient(t, dir, altertable.WithBaseURL("http://localhost/other"))
	assert.Zero(t, other.Stats().Accepted)
	first, _, _ := newSpoolClient(t, dir)
	second, _, l := newSpoolClient(t, dir)
	assert.EqualValues(t, 1, first.Stats().Accepted+second.Stats().Accepted, "by one of them")
	require.NoError(t, second.Close())
	assert.Empty(t, l.errs, "a living client is no trouble")
	require.NoError(t, first.Close())
	require.NoError(t, other.Close())
	assert.Empty(t, srv.Events())
	assert.Empty(t, files(t, dir))
}

// Clients that come and go at once do not tear each other's instance directories down.
func TestManyClientsShareADirectory(t *testing.T) {
	dir := t.TempDir()
	stranded(t, dir, numbered(50)...)
	srv := altertabletest.NewServer()
	defer srv.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				client, err := altertable.New("altertabletest-key", altertable.WithBaseURL("http://localhost"), altertable.WithHTTPClient(srv.HTTPClient()), altertable.WithSpool(dir))
				if assert.NoError(t, err) {
					assert.NoError(t, client.Track(t.Context(), event("new")))
					assert.NoError(t, client.Close())
				}
			}
		})
	}
	wg.Wait()
	assert.Len(t, srv.Events(), 50+160)
	assert.Empty(t, files(t, dir))
}

func TestDamagedFiles(t *testing.T) {
	for name, damage := range map[string]struct {
		change func([]byte) []byte
		lost   int
	}{
		"torn tail":     {func(text []byte) []byte { return text[:len(text)-7] }, 1},
		"flipped byte":  {func(text []byte) []byte { text[len(text)/2] ^= 4; return text }, 1},
		"lost newline":  {func(text []byte) []byte { text[bytes.LastIndexByte(text[:len(text)-1], '\n')] = 'x'; return text }, 2},
		"truncated":     {func(text []byte) []byte { return text[:len(text)/2] }, 6},
		"foreign":       {func([]byte) []byte { return []byte("something else\n") }, 10},
		"other version": {func(text []byte) []byte { return bytes.Replace(text, []byte(" 1 "), []byte(" 9 "), 1) }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stranded(t, dir, numbered(10)...)
			path := segments(t, dir)[0]
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, damage.change(text), 0o600))
			client, srv, l := newSpoolClient(t, dir)
			track(t, client, "new")
			require.NoError(t, client.Flush(t.Context()))
			require.NoError(t, client.Close())
			arrived := len(srv.Events()) - 1
			assert.GreaterOrEqual(t, arrived, 10-damage.lost)
			assert.Less(t, arrived, 10)
			require.Len(t, l.errs, 1)
			var spool *altertable.SpoolError
			require.ErrorAs(t, l.errs[0], &spool)
			left := files(t, dir)
			require.Len(t, left, 1)
			assert.True(t, strings.HasSuffix(left[0], ".damaged"), "set aside")
			again, _, l := newSpoolClient(t, dir)
			require.NoError(t, again.Close())
			assert.Empty(t, l.errs, "reported once")
		})
	}
}

// What a client of version 1 of the format wrote, every later one reads.
func TestFilesOfVersion1AreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tenant = "f8668e205f644c425661ed87ece4cf01" // of altertabletest-key and http://localhost
		dir := t.TempDir()
		instance := filepath.Join(dir, tenant+"-01a20fb0-0c13-7761-876a-44a41c6c18a8")
		require.NoError(t, os.Mkdir(instance, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(instance, "lock"), nil, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(instance, "00000001.spool"), []byte("altertable-spool 1 "+tenant+`
m 20a9e256 0 track 1795559525396289 {"environment":"production","event":"e0","properties":{},"distinct_id":"u_1","timestamp":"2026-11-24T22:32:05.396Z"}
m 52a714c5 1 identify 1795559525396290 {"environment":"staging","distinct_id":"u_2","timestamp":"2026-11-24T22:32:05.396Z"}
m 34fad8a0 2 track 1795559525396291 {"environment":"production","event":"e2","properties":{},"distinct_id":"u_1","timestamp":"2026-11-24T22:32:05.396Z"}
m a5bd18c7 3 alias 1795559525396292 {"environment":"production","distinct_id":"u_1","new_user_id":"u_3","timestamp":"2026-11-24T22:32:05.396Z"}
d 8b0cf629 0-0,3-3
`), 0o600))
		client, srv, l := newSpoolClient(t, dir)
		assert.EqualValues(t, 2, client.Stats().Accepted)
		pass(time.Second)
		assert.Len(t, srv.Events(), 1, "although they come from the future")
		require.NoError(t, client.Close())
		l.settle(t, client, "e2", "u_2")
		assert.Empty(t, l.errs)
		assert.Equal(t, "staging", srv.Identities()[0].Environment)
		assert.Empty(t, files(t, dir))
	})
}

// They are sent once, however old they are, and given up if that fails.
func TestAdoptedMessagesOlderThanMaxElapsed(t *testing.T) {
	for _, status := range []int{200, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				stranded(t, dir, numbered(3)...)
				pass(48 * time.Hour)
				server := roundTrip(func(r *http.Request) (*http.Response, error) {
					_ = r.Body.Close() // it returns nil
					return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}}, nil
				})
				client, _, l := newSpoolClient(t, dir, altertable.WithHTTPClient(&http.Client{Transport: server}))
				synctest.Wait()
				l.settle(t, client, numbered(3)...)
				assert.Equal(t, status == 503, len(l.lostSoFar()) == 3)
				assert.EqualValues(t, 1, client.Stats().Requests)
				require.NoError(t, client.Close())
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// Here the clock steps back by decades: virtual time begins in 2000.
func TestIdentifyAfterTheClockStepsBack(t *testing.T) {
	dir := t.TempDir()
	dead, srv, _ := newSpoolClient(t, dir)
	srv.Always(altertabletest.Status(503))
	require.NoError(t, dead.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"before": 1}}))
	require.NoError(t, dead.Shutdown(within(t, time.Millisecond)))
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, dir)
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"after": 1}}))
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"later": 1}}))
		require.NoError(t, client.Close())
		require.Len(t, srv.Identities(), 1)
		assert.Len(t, srv.Identities()[0].Traits, 3, "the platform ignores an older identify")
	})
}

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
