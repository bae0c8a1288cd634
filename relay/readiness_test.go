package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestReadinessIsAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var answer error
		r := newReadiness(func(ctx context.Context) error {
			asked++
			_, bounded := ctx.Deadline()
			assert.True(t, bounded)
			return answer
		})
		for range 100 {
			assert.NoError(t, r.get())
		}
		assert.Equal(t, 1, asked)
		answer = errors.New("recovering")
		assert.NoError(t, r.get())
		time.Sleep(time.Second)
		assert.EqualError(t, r.get(), "recovering")
		assert.Equal(t, 2, asked)
	})
}
