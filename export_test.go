package altertable

import (
	"math/rand/v2"
	"time"
)

// TendOften has all clients of this process look after their spools every
// millisecond or two: tests with real processes do not wait for minutes.
func TendOften() {
	tendEvery = func() time.Duration { return time.Millisecond + rand.N(time.Millisecond) }
}
