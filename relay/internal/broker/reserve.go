package broker

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// A reserve is a file that takes room while there is some, and is removed when
// the disk has refused a write. An acknowledgment is a write too: without room for
// those of a whole block of the store, the block is never removed, and a full disk
// stays full, whatever is delivered.
const (
	reserveName  = "relay.reserve"
	reserveBytes = 16 << 20 // a block is 8 MiB, and is copied to drop what was acknowledged
)

// keepReserve makes the file, unless it is there or the disk is small. What fails is
// tried again at the next look at the disk.
func (d *dataDir) keepReserve() {
	path := filepath.Join(d.path, reserveName)
	if _, err := os.Stat(path); err == nil {
		return
	}
	free, total, err := diskOf(d.path)
	size := min(reserveBytes, total/64) // spent, it must leave the disk full by the 95 %
	if err != nil || free < 4*size {
		return
	}
	text := make([]byte, size)
	_, _ = rand.Read(text) // else a file system that compresses would keep no room; it never fails
	// What another user may have put there meanwhile, such as a link, is not followed.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	_, err = file.Write(text)
	if errors.Join(err, file.Close()) != nil {
		d.spendReserve()
	}
}

func (d *dataDir) spendReserve() {
	_ = os.Remove(filepath.Join(d.path, reserveName)) // most likely it is spent
}
