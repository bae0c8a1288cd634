package drain

import (
	"testing"
)

func TestEverythingIsDeliveredOnceAndInOrder(t *testing.T) {
	b := newBench(t)
	for range 50 {
		b.send("track", 20)
		b.send("identify", 10)
		b.send("alias", 1)
	}
	b.drain()
	for range 50 {
		b.send("identify", 3)
		b.send("track", 100)
	}
	b.requireAll(0)
}
