package altertable

import (
	"math"
	"net/http"
	"time"
)

var (
	K        = 100.0
	KW       = 20.0
	KL       = 60.0
	RQ       = 16.0
	C        = 5.4
	SAFE     = 0.985
	GAP      = 0.055
	HOLDF    = 108.0
	OWEF     = 700.0
	OWEL     = 5000.0
	E        = 4.0
	VOID     = 8.0
	REACH    = 1.0
	TIGHT    = 0.66
	WIDE     = 1.5
	SHORTF   = 10.0
	MD       = 0.2
	WS       = 2.0
	MODE     = 2.0
	QUIET    = time.Duration(25)
	QUIETMAX = 10 * time.Minute
	SLACK    = 5 * time.Millisecond
)

const RECENT = 64

type pace struct {
	policy       RetryPolicy
	on           bool
	rate         float64
	at           time.Duration
	start        time.Duration // of the measurement: when a request began that was answered 429
	idle         time.Duration
	cut          time.Duration
	passed       int
	since        int
	low, base, k float64
	n            int
	origin       time.Duration
	owed         int
	quiet        time.Duration
	refused      int
	sched        *schedule
	probing      bool
	heldAt       time.Duration
	burst        int
	recent       [RECENT]time.Duration
	nrecent      int
}

type lap struct {
	began time.Duration
	held  bool
	probe bool
}

func interval(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }

func (p *pace) lets(now time.Duration) bool { return !p.on || !p.probing && now >= p.at }

func (p *pace) next(now time.Duration) (time.Duration, bool) {
	if p.lets(now) || p.probing {
		return 0, false
	}
	return p.at, true
}

func (p *pace) begins(now time.Duration) lap {
	if !p.on {
		return lap{began: now}
	}
	i := interval(p.rate)
	t := lap{began: now, held: now-p.at < i, probe: p.sched != nil}
	p.probing = t.probe
	if t.held {
		p.heldAt = now
	} else if now-p.heldAt > 10*time.Minute {
		*p = pace{policy: p.policy}
		return lap{began: now}
	}
	p.idle += max(0, now-SLACK-p.at)
	p.at = max(p.at, now-SLACK) + i
	return t
}

func (p *pace) ends(t lap, err error, now time.Duration) {
	api, ok := err.(*APIError)
	if t.probe {
		p.probing = false
	}
	switch {
	case ok && api.StatusCode == http.StatusTooManyRequests:
		p.limited(t, min(api.RetryAfter, maxRetryAfter), now)
	case judge(err) != retryable:
		p.passes(t, now)
	}
}

func (p *pace) passes(t lap, now time.Duration) {
	if !p.on {
		if t.began-p.start > time.Second {
			p.start, p.passed = t.began, 0
		}
		p.passed++
		return
	}
	if t.began > p.start {
		p.passed++
		p.recent[p.nrecent%RECENT] = t.began
		p.nrecent++
	}
	if t.began <= p.cut {
		return
	}
	p.since++
	if p.sched != nil {
		p.sched = nil
		p.n = 0
		if p.base == 0 {
			p.low = max(1/(t.began-p.start).Seconds(), 1/p.policy.InitialInterval.Seconds())
			p.rate = p.low
			p.origin = t.began - interval(p.rate)
		} else {
			p.low = min(p.base, max(p.rate, float64(p.passed)/(t.began-p.start-p.idle).Seconds()))
			p.rate = p.low
		}
		p.at = max(p.at, t.began+interval(p.rate))
	} else if t.held {
		p.n++
		p.owed = max(p.owed-1, 0)
		p.rise(now, t.began)
	}
	p.refused = 0
}

func (p *pace) rise(now, began time.Duration) {
	n := float64(p.n)
	switch {
	case p.base == 0:
		p.rate = max(p.rate, min(p.low*(1+n+n*n/RQ), C*n/max(1, (began-p.origin)).Seconds()))
	case n <= KW:
		p.rate = p.low + (p.base-p.low)*n/KW
	case now < p.quiet:
		p.n--
	default:
		x := (n - KW) / p.k
		p.rate = p.base * (1 + GAP*math.Pow(x, E))
	}
}

// measured
func (p *pace) measured(b time.Duration) float64 {
	lo := float64(p.passed) / (b - p.start - p.idle).Seconds()
	m := min(RECENT, p.nrecent)
	for i := 2; i <= m; i++ {
		d := p.recent[(p.nrecent-1)%RECENT] - p.recent[(p.nrecent-i)%RECENT]
		if d > 0 {
			lo = max(lo, float64(i-p.burst)/d.Seconds())
		}
	}
	return lo
}

func (p *pace) limited(t lap, ra, now time.Duration) {
	p.at = max(p.at, now+ra)
	most := int(OWEF)
	if p.base > 0 {
		most = int(OWEL)
	}
	p.owed = max(p.owed, min(p.owed+int(HOLDF), most))
	if p.on && t.began <= p.cut {
		return
	}
	p.cut = now
	if !p.on {
		p.on = true
		p.heldAt = now
		p.burst = p.passed
		p.start, p.passed = t.began, 0
		p.rate = 1 / p.policy.InitialInterval.Seconds()
	}
	if p.since == 0 {
		p.refused++
		wait := time.Duration(0)
		if p.base > 0 {
			p.rate = max(p.rate/2, min(p.rate, 1/p.policy.MaxInterval.Seconds()))
			wait = interval(p.rate)
		}
		if p.refused > 1 || p.base == 0 {
			if p.sched == nil {
				p.sched = p.policy.newSchedule()
			}
			wait = max(wait, p.sched.NextBackOff())
		}
		p.at = max(p.at, now+wait)
		return
	}
	p.cutTo(t, now)
}

func (p *pace) cutTo(t lap, now time.Duration) {
	ramp := p.base == 0
	hi := p.rate
	lo := min(hi, p.measured(t.began))
	s := float64(p.passed)
	if s < SHORTF {
		if !ramp {
			lo = min(lo, p.low*(1-MD/s))
		}
	} else {
		p.start, p.passed, p.nrecent, p.idle = t.began, 0, 0, 0
	}
	est := lo * math.Pow(hi/lo, 1/(1+s/WS))
	p.since, p.n = 0, 0
	p.quiet = now + min(QUIET*max(0, p.at-now), QUIETMAX)
	if loose := lo < TIGHT*hi; !ramp && lo*VOID < hi {
		p.low, p.base = max(lo, 1/p.policy.InitialInterval.Seconds()), 0
		p.origin = max(p.at, now)
	} else if ramp || loose && MODE > 0 {
		p.low = lo
		p.base = min(REACH*hi, WIDE*lo)
		p.k = K
		if MODE > 1 {
			p.k = KL
		}
	} else {
		p.low, p.base = SAFE*est, SAFE*est
		p.k = KL
		if !loose {
			p.k = max(K, float64(p.owed))
		}
	}
	p.rate = p.low
	p.at = max(p.at, now+interval(p.rate))
}

func (p *pace) attemptNow(now time.Duration) { p.at = min(p.at, now) }
