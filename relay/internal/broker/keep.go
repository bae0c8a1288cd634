package broker

import (
	"errors"
	"time"
)

const (
	lookEach  = time.Second           // at the disk
	lookFirst = 20 * time.Millisecond // before something is stored: a small disk is filled within a second
	healthy   = time.Minute           // without a failed write
	mostPause = 30 * time.Second
)

// keep watches the embedded broker until Close.
func (b *Broker) keep() {
	if b.server == nil {
		<-b.ctx.Done()
		return
	}
	look := time.NewTicker(lookEach)
	defer look.Stop()
	tidy := time.NewTicker(tidyEach)
	defer tidy.Stop()
	var mended time.Time
	var pause time.Duration
	floors := make(map[string]uint64, len(b.tenants))
	for {
		b.look()
		select {
		case <-look.C:
		case <-tidy.C:
			if !b.o.ReadOnly {
				b.tidy(floors)
			}
		case <-b.server.log.broken:
			if time.Since(mended) > healthy {
				pause = 0
			}
			if !b.mend(pause) {
				return
			}
			mended, pause = time.Now(), min(max(time.Second, 2*pause), mostPause)
		case <-b.ctx.Done():
			return
		}
	}
}

// look finds out whether the disk is full.
func (b *Broker) look() {
	full := b.isDiskFull()
	b.full.Store(full)
	b.looked.Store(time.Now().UnixNano())
	if b.dir != nil && !full && !b.o.ReadOnly {
		b.dir.keepReserve()
	}
}

// isFull is for those who store.
func (b *Broker) isFull() bool {
	if b.dir == nil {
		return false
	}
	now, looked := time.Now().UnixNano(), b.looked.Load()
	if now-looked > int64(lookFirst) && b.looked.CompareAndSwap(looked, now) && b.isDiskFull() {
		b.full.Store(true)
	}
	return b.full.Load()
}

// mend starts the server again, since after one write that failed its store
// refuses all of them, acknowledgments too. On a disk that is still full the new
// one can be drained, and that makes room. It returns false after Close.
func (b *Broker) mend(pause time.Duration) bool {
	b.setReason(errors.New("the disk refused a write, and the broker starts again"))
	b.full.Store(b.isDiskFull())
	select {
	case <-time.After(pause):
	case <-b.ctx.Done():
		return false
	}
	b.log.Warn("broker starts again, since the disk refused a write")
	b.server.stop()
	if b.full.Load() {
		b.dir.spendReserve()
	}
	if !b.startServer() {
		return false
	}
	b.setReason(nil)
	return true
}
