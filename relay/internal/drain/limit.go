package drain

import (
	"context"

	"golang.org/x/time/rate"
)

// setRate bounds the requests a second; 0: no bound. Requests are spaced evenly: a
// burst might be more than the API takes at a time.
func (d *Drain) setRate(perSecond float64) {
	if d.limiter = nil; perSecond > 0 {
		d.limiter = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
}

// awaitRate waits for the tenant's own limit, if it has one.
func (f *fence) awaitRate(ctx context.Context) error {
	if f.s.d.limiter == nil {
		return nil
	}
	turn, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.life, cancel)()
	if err := f.s.d.limiter.Wait(turn); err != nil {
		return f.awaitEnd(ctx)
	}
	return nil
}
