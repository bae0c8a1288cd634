package main

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestInterrupts(t *testing.T) {
	for name, second := range map[string]bool{"a second signal": true, "the time is over": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals, released := make(chan os.Signal, 1), false
				ctx, stop := interrupts(signals, func() { released = true })
				synctest.Wait()
				assert.NoError(t, ctx.Err())
				signals <- os.Interrupt
				<-ctx.Done()
				synctest.Wait()
				assert.NoError(t, stop.Err())
				assert.False(t, released)
				began := time.Now()
				if second {
					signals <- os.Interrupt
				}
				<-stop.Done()
				assert.True(t, released)
				if !second {
					assert.Equal(t, gracePeriod, time.Since(began))
				}
			})
		})
	}
}
