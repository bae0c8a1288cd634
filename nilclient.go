package altertable

import (
	"sync"
	"time"
)

// nilDones are the dones of nil clients that were not told yet. One goroutine at a
// time tells them, in order. A testing/synctest bubble has one of its own, since a
// goroutine of another must not touch its channels.
type nilDones struct {
	mu     sync.Mutex
	coming map[string][]nilDone // by bubble, while its goroutine runs
}

type nilDone struct {
	done     func(error)
	returned chan struct{}
}

var withoutClient = nilDones{coming: map[string][]nilDone{}}

// tell tells done that there is nothing to do. It waits until done has returned, but
// not for one that waits for its caller.
func (n *nilDones) tell(done func(error)) {
	if done == nil {
		return
	}
	bubble, next := bubbleOf(time.Now()), nilDone{done, make(chan struct{})}
	if n.add(bubble, next) {
		go n.tellAll(bubble)
	}
	await(next.returned, callbackPatience)
}

// add takes next in, and reports whether a goroutine must be started.
func (n *nilDones) add(bubble string, next nilDone) (start bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	coming, running := n.coming[bubble]
	n.coming[bubble] = append(coming, next)
	return !running
}

// take returns the next one. There being none, the goroutine ends.
func (n *nilDones) take(bubble string) (next nilDone, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	coming := n.coming[bubble]
	if len(coming) == 0 {
		delete(n.coming, bubble)
		return nilDone{}, false
	}
	n.coming[bubble] = coming[1:]
	return coming[0], true
}

func (n *nilDones) tellAll(bubble string) {
	over := false
	defer func() {
		if !over { // a done ended the goroutine (runtime.Goexit): go on in another
			go n.tellAll(bubble)
		}
	}()
	for next, ok := n.take(bubble); ok; next, ok = n.take(bubble) {
		next.tell()
	}
	over = true
}

func (d *nilDone) tell() {
	defer close(d.returned)
	guardLog(func() { d.done(nil) })
}
