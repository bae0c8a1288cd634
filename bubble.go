package altertable

import (
	"bytes"
	"fmt"
	"runtime"
	"time"
)

// In testing/synctest, time, timers and channels belong to one bubble: a
// channel or a timer that was made in a bubble ends the process when it is used
// outside, and the clocks of inside and outside are decades apart. A goroutine
// that a call from a bubble starts stays in the bubble, and the bubble does not
// end before it. So a client works where New ran, and nowhere else.

// bubbleOf names the bubble of the caller, to whom the time now was told. It is
// "" outside, where a time has a monotonic reading.
func bubbleOf(now time.Time) string {
	if now != now.Round(0) {
		return ""
	}
	// There is no API that tells. This is what a traceback begins with:
	// "goroutine 7 [running, synctest bubble 3]:".
	var text [128]byte
	head, _, _ := bytes.Cut(text[:runtime.Stack(text[:], false)], []byte("]"))
	_, id, _ := bytes.Cut(head, []byte("synctest bubble "))
	return string(id)
}

var (
	errOutsideBubble = fmt.Errorf("%w: it was made outside this testing/synctest bubble; make one inside", ErrClosed)
	errOtherBubble   = fmt.Errorf("%w: it was made in a testing/synctest bubble, and works there alone; make one here", ErrClosed)
)

// checkBubble returns an error unless the caller, to whom the time now was told,
// is where New ran: in the same bubble, or outside of all.
func (q *queue) checkBubble(now time.Time) error {
	switch bubbleOf(now) {
	case q.bubble:
		return nil
	case "":
		return errOtherBubble
	}
	if q.bubble == "" {
		return errOutsideBubble
	}
	return errOtherBubble
}
