package main

import (
	"context"
	"os"
	"time"
)

// gracePeriod is how long an interrupt waits for what is in flight.
const gracePeriod = 30 * time.Second

// interrupts returns a context that ends with the first signal, and one that ends
// with the second, or when the time for what is in flight is over. Then it calls
// release: a third signal does what signals do by default.
func interrupts(signals <-chan os.Signal, release func()) (ctx, stop context.Context) {
	ctx, cancel := context.WithCancel(context.Background())
	stop, end := context.WithCancel(context.Background())
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		cancel()
		select {
		case <-signals:
		case <-time.After(gracePeriod):
		}
		release()
		end()
	}()
	return ctx, stop
}
