package chaos

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
)

// loopback is an address of this run alone, where the system has more of them than
// one: a port that is free while a process is dead gets no other run's process.
var loopback = func() string {
	address := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		return "127.0.0.1"
	}
	_ = l.Close() // nothing was sent
	return address
}()

// lastPort is below the range from which systems take the ports of outgoing
// connections. Else one of those may get the port of a process that was killed,
// before its next run listens there.
var lastPort = func() *atomic.Int32 {
	p := new(atomic.Int32)
	p.Store(int32(10_000 + rand.IntN(15_000)))
	return p
}()

// freeAddress returns a loopback address where nobody listens. No process is started
// meanwhile: it would have the listener for a moment, and so the port.
func freeAddress(t *testing.T) string {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for range 1000 {
		address := fmt.Sprintf("%s:%d", loopback, 10_000+lastPort.Add(1)%22_000)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		_ = l.Close() // nothing was sent
		return address
	}
	t.Fatal("no free port")
	return ""
}
