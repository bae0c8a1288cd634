package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// smallDisk returns a directory on a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no file system can be mounted: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// fill leaves the rest of the disk, and returns the file to remove.
func fill(t *testing.T, dir string, rest uint64) string {
	t.Helper()
	name := filepath.Join(dir, "other")
	f, err := os.Create(name)
	require.NoError(t, err)
	free, _, err := diskOf(dir)
	require.NoError(t, err)
	require.NoError(t, unix.Fallocate(int(f.Fd()), 0, 0, int64(free-rest)))
	require.NoError(t, f.Close())
	return name
}

// storeUntilRefused returns how many messages of 46 KB were acknowledged. A full disk may
// be told by an error, or by no answer at all; without one, the disk tells whether the
// machine is only slow.
func storeUntilRefused(t *testing.T, b *Broker) (stored uint64) {
	t.Helper()
	data := randomBody(t, 100)
	for {
		_, err := b.JetStream().Publish(ctxOf(t, time.Second), Subject("acme", "track"), data, jetstream.WithRetryAttempts(0))
		free, _, ok := b.Disk()
		switch {
		case err == nil:
			stored++
		case !errors.Is(err, context.DeadlineExceeded) || !ok || free < 1<<20:
			return stored
		}
	}
}

// Others fill the disk to the last byte, and a write fails: nothing acknowledged is
// lost, the full disk can be drained, and the broker takes messages again by itself.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t, "48m")
	log := new(record)
	o := Options{Data: filepath.Join(disk, "data"), Logger: log.logger()}
	tenant := Tenant{Name: "acme", MaxBytes: 1 << 30}
	b := open(t, o, tenant)
	other := fill(t, disk, 20<<20)
	stored := storeUntilRefused(t, b)
	require.Greater(t, stored, uint64(300))
	eventually(t, "started again", func() bool { return log.count("connected again") > 0 })
	eventually(t, "not writable", func() bool { return b.Writable() == nil })
	require.ErrorContains(t, b.Ready(t.Context()), "full")
	require.NotNil(t, b.JetStream(), "what is stored can be read")
	require.GreaterOrEqual(t, messages(t, b, "acme"), stored)

	p := newPuller(t, b)
	require.Equal(t, 200, p.deliver(200))
	left := messages(t, b, "acme")
	assert.GreaterOrEqual(t, left, stored-200)
	free, _, ok := b.Disk()
	require.True(t, ok)
	assert.Greater(t, free, uint64(1<<20), "delivery makes room")

	require.NoError(t, os.Remove(other))
	eventually(t, "ready", func() bool { return b.Ready(t.Context()) == nil && b.Writable() != nil })
	publish(t, b, "acme", "[]")
	assert.Equal(t, left+1, messages(t, b, "acme"))
	b.Close()
	b = open(t, o, tenant)
	assert.Equal(t, left+1, messages(t, b, "acme"))
	assert.Equal(t, int(left)+1, newPuller(t, b).deliver(int(left)+1))
	assert.NotContains(t, log.String(), "checkout_completed", "payloads are never logged")
}

// Before the last 5 % nothing has failed: nobody may store, everybody may deliver.
func TestDiskNearlyFull(t *testing.T) {
	disk := smallDisk(t, "48m")
	log := new(record)
	b := open(t, Options{Data: filepath.Join(disk, "data"), Logger: log.logger()})
	publish(t, b, "acme", "[]")
	require.NotNil(t, b.Writable())
	other := fill(t, disk, 2<<20)
	eventually(t, "not writable", func() bool { return b.Writable() == nil })
	require.ErrorContains(t, b.Ready(t.Context()), "95 %")
	assert.Equal(t, 1, newPuller(t, b).deliver(1))
	require.NoError(t, os.Remove(other))
	eventually(t, "writable", func() bool { return b.Writable() != nil })
	require.NoError(t, b.Ready(t.Context()))
	assert.Zero(t, log.count("level=ERROR"), log.String())
}

// A relay that starts on a full disk has its backlog to deliver.
func TestStartOnFullDisk(t *testing.T) {
	disk := smallDisk(t, "48m")
	o := Options{Data: filepath.Join(disk, "data")}
	b := open(t, o)
	for range 10 {
		publish(t, b, "acme", "[]")
	}
	b.Close()
	fill(t, disk, 0)
	b = open(t, o)
	require.ErrorContains(t, b.Ready(t.Context()), "full")
	assert.Nil(t, b.Writable())
	assert.Equal(t, 10, newPuller(t, b).deliver(10))
}

// A new relay on a full disk says so and starts once there is room.
func TestFirstStartOnFullDisk(t *testing.T) {
	disk := smallDisk(t, "8m")
	other := fill(t, disk, 0)
	b, err := Open(Options{Data: filepath.Join(disk, "data")}, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool { return errors.Is(b.Ready(t.Context()), errDiskFull) })
	require.Nil(t, b.JetStream())
	require.NoError(t, os.Remove(other))
	waitStarted(t, b)
	readyEventually(t, b)
}

func TestReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t, "8m")
	data := filepath.Join(disk, "data")
	open(t, Options{Data: data}).Close()
	require.NoError(t, unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	_, err := Open(Options{Data: data}, small("acme")...)
	require.ErrorIs(t, err, unix.EROFS)
	assert.ErrorContains(t, err, data)
	_, err = Open(Options{Data: data, ReadOnly: true}, small("acme")...)
	require.ErrorIs(t, err, unix.EROFS)
	_, err = Open(Options{Data: filepath.Join(disk, "new")}, small("acme")...)
	require.ErrorIs(t, err, unix.EROFS)
}
