package main

import (
	"context"
	"os"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/deliver"
)

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
		case <-time.After(deliver.GracePeriod):
		}
		release()
		end()
	}()
	return ctx, stop
}
