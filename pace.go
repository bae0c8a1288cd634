package altertable

import "time"

type pace struct{ policy RetryPolicy }
type lap struct{}

func (p *pace) lets(now time.Duration) bool                        { return true }
func (p *pace) next(now time.Duration) (at time.Duration, ok bool) { return 0, false }
func (p *pace) begins(now time.Duration) lap                       { return lap{} }
func (p *pace) ends(t lap, err error, now time.Duration)           {}
func (p *pace) attemptNow(now time.Duration)                       {}
