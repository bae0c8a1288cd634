package intake

import (
	"sync/atomic"
	"time"
)

// A clock gives timestamps. Each is at least a microsecond after the one before:
// of two identifies with the same one the platform drops the second.
type clock struct{ last atomic.Int64 }

func (c *clock) next() time.Time {
	for {
		last := c.last.Load()
		now := max(time.Now().UnixMicro(), last+1)
		if c.last.CompareAndSwap(last, now) {
			return time.UnixMicro(now)
		}
	}
}
