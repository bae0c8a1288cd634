package main

import (
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/deliver"
)

func TestInterrupts(t *testing.T) {
	for name, second := range map[string]bool{"a second signal": true, "the time is over": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan os.Signal, 1)
				var released atomic.Bool
				ctx, stop := interrupts(signals, func() { released.Store(true) })
				synctest.Wait()
				assert.NoError(t, ctx.Err())
				signals <- os.Interrupt
				<-ctx.Done()
				synctest.Wait()
				assert.NoError(t, stop.Err())
				assert.False(t, released.Load())
				began := time.Now()
				if second {
					signals <- os.Interrupt
				}
				<-stop.Done()
				assert.True(t, released.Load())
				if !second {
					assert.Equal(t, deliver.GracePeriod, time.Since(began))
				}
			})
		})
	}
}
