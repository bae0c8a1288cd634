package altertable_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A kill leaves a directory as it is at this moment, without its locks: it is
// copied, and what the client does afterwards is seen by nobody.
func (s *schedule) kill(t *testing.T, dir string) (left string) {
	synctest.Wait()
	left = t.TempDir()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		target := filepath.Join(left, name)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if entry.Name() == "lock" {
			return os.WriteFile(target, nil, 0o600) // Windows lets nobody read it
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	}))
	s.oracle.kill()
	_ = s.client.Shutdown(within(t, time.Millisecond))
	s.wg.Wait()
	return left
}

// live lets a client on dir do its work for a while. It returns where the next
// one finds what this one left: it is killed, or shut down.
func (s *schedule) live(t *testing.T, generation int, dir string) (left string) {
	s.settings = newSettings(s.Rand)
	s.start(t, generation, altertable.WithSpool(dir, altertable.SpoolMaxBytes(pick[int64](s.Rand, 8<<10, 64<<10, 1<<30))))
	for range 10 + s.IntN(40) {
		s.act(t, s.Rand)
	}
	if s.IntN(2) == 0 {
		return s.kill(t, dir)
	}
	_ = s.client.Shutdown(within(t, time.Duration(s.IntN(3000))*time.Millisecond))
	s.wg.Wait()
	pass(time.Second)
	stats := s.client.Stats()
	assert.Equal(t, stats.Accepted, stats.Delivered+stats.Failed+stats.Dropped+stats.Queued, "%+v", stats)
	s.oracle.kill()
	return dir
}

// The backlog is on disk where memory is small, and what a dead client left
// goes before what the next one accepts.
func TestOrderWithASpool(t *testing.T) {
	t.Parallel()
	schedules(t, 250, func(t *testing.T, seed uint64) {
		s := newSchedule(seed, 100)
		dir := t.TempDir()
		generations := 1 + s.IntN(4)
		for generation := range generations {
			dir = s.live(t, generation, dir)
			pass(10 * time.Millisecond) // a process needs time to start: stamps differ
			s.check(t)
			if t.Failed() {
				return
			}
		}
		s.settings = newSettings(rand.New(rand.NewPCG(seed, 101)))
		s.MaxElapsed = time.Hour
		s.start(t, generations, altertable.WithSpool(dir))
		s.server.clearUp()
		_ = s.client.Shutdown(within(t, 2*time.Hour)) // some are given up
		pass(time.Second)
		s.oracle.finish(s.client.Stats())
		s.check(t)
		assert.Empty(t, files(t, dir))
	})
}
