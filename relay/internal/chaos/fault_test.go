package chaos

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// status answers every request so.
func status(code int, header ...string) fault {
	a := &answer{status: code, header: map[string]string{}}
	for i := 0; i+1 < len(header); i += 2 {
		a.header[header[i]] = header[i+1]
	}
	return func(*call) *answer { return a }
}

// on limits a fault to an endpoint.
func on(endpoint string, f fault) fault {
	return func(c *call) *answer {
		if c.endpoint != endpoint {
			return nil
		}
		return f(c)
	}
}

// forKey limits a fault to a tenant.
func forKey(key string, f fault) fault {
	return func(c *call) *answer {
		if c.key != key {
			return nil
		}
		return f(c)
	}
}

// sometimes lets a fault happen to one request of n, at random, and to no more
// than most requests.
func sometimes(n, most int, f fault) fault {
	var mu sync.Mutex
	return func(c *call) *answer {
		mu.Lock()
		defer mu.Unlock()
		if most == 0 || rand.IntN(n) != 0 {
			return nil
		}
		a := f(c)
		if a != nil {
			most--
		}
		return a
	}
}

// limited answers 429 when the bucket, which holds one second, is empty.
func limited(perSecond float64) fault {
	var mu sync.Mutex
	tokens, last := perSecond, time.Now()
	return func(*call) *answer {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		tokens = min(perSecond, tokens+now.Sub(last).Seconds()*perSecond)
		last = now
		if tokens >= 1 {
			tokens--
			return nil
		}
		return &answer{status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": "1"}}
	}
}

// cutAfterStoring stores what it gets and then loses the answer.
func cutAfterStoring(*call) *answer { return &answer{store: true, cut: true} }

func hanging(*call) *answer { return &answer{hang: true} }

// refusing answers 422 to a request that has one of the source's numbers, and
// stores nothing of it, as the API does.
func refusing(source string, poison func(number int) bool) fault {
	return func(c *call) *answer {
		for _, i := range c.items {
			if i.source == source && poison(i.number) {
				return &answer{status: http.StatusUnprocessableEntity, code: "chaos-refused"}
			}
		}
		return nil
	}
}

// withoutEnvironment answers as if there were no such environment.
func withoutEnvironment(name string) fault {
	return func(c *call) *answer {
		for _, i := range c.items {
			if i.environment == name {
				return &answer{status: http.StatusBadRequest, code: "environment-not-found"}
			}
		}
		return nil
	}
}

// slow answers as usual, later.
func slow(d time.Duration) fault {
	return func(*call) *answer {
		lasts(d)
		return nil
	}
}
