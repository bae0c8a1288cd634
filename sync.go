package altertable

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// maxSyncWait bounds a synchronous call whose context has no deadline.
const maxSyncWait = 30 * time.Second

// TrackSync sends events in one request, past the queue, and returns the
// platform's answer after it has done the work. One event is sent as an object,
// more as an array. It blocks until there is an answer. It makes the first
// attempt at once, and retries as the queue does until ctx ends, or for 30 s
// where ctx has no deadline. An attempt that timed out may have been stored, so
// that a retry stores the events twice: see WithEventIDs.
//
// The error is a *ValidationError for no event, an invalid one, or events of
// several environments. It is ErrTooLarge over the limits of a batch; the text
// names the limit and the option that sets it. In these cases nothing was sent.
// Otherwise it is an *APIError, a *NetworkError, or ErrClosed. ErrClosed is
// returned after Close, when Shutdown ends, and with SpoolWriteOnly. If ctx
// ended, its error is joined. The text begins with the name of the call.
//
// The messages are in memory alone: a refused key or a missing environment ends
// the call, with a spool as well. Callbacks are not called. TrackSync does not
// keep the maps.
func (c *Client) TrackSync(ctx context.Context, t ...Track) (*Response, error) {
	return syncCall(c, ctx, "TrackSync", t)
}

// IdentifySync is TrackSync for identifies. It goes after the identifies of the
// same people that were accepted before it, waiting for them if need be, and
// before those accepted later. Those of other people do not hold it up, except
// that with a spool it waits for all while some are on disk alone.
func (c *Client) IdentifySync(ctx context.Context, i ...Identify) (*Response, error) {
	return syncCall(c, ctx, "IdentifySync", i)
}

// AliasSync is TrackSync for aliases.
func (c *Client) AliasSync(ctx context.Context, a ...Alias) (*Response, error) {
	return syncCall(c, ctx, "AliasSync", a)
}

// syncCall makes a synchronous call. Its error names the call.
func syncCall[M Message](c *Client, ctx context.Context, call string, messages []M) (*Response, error) {
	if c.absent() {
		return &Response{}, nil
	}
	response, err := encodeAndSend(c, orBackground(ctx), messages)
	return response, inCall(call, err)
}

// encodeAndSend sends messages in one request, if they can be.
func encodeAndSend[M Message](c *Client, ctx context.Context, messages []M) (*Response, error) {
	if len(messages) == 0 {
		return nil, &ValidationError{"messages", "must not be empty"}
	}
	var envelopes []*envelope
	defer func() {
		for _, e := range envelopes {
			e.free()
		}
	}()
	for _, m := range messages {
		e := newEnvelope()
		envelopes = append(envelopes, e)
		keep, err := m.encode(ctx, c, e)
		if err != nil {
			c.queue.debug("altertable: message rejected", err)
			return nil, err
		}
		if !keep {
			c.queue.discard(e.discarded)
			envelopes = envelopes[:len(envelopes)-1]
			e.free()
		}
	}
	if err := c.cfg.checkSync(envelopes); err != nil {
		return nil, err
	}
	switch {
	case c.queue.isClosing():
		return nil, ErrClosed
	case c.cfg.disabled, len(envelopes) == 0:
		return &Response{OK: true}, nil
	case c.cfg.writesOnly():
		return nil, ErrClosed
	}
	return c.queue.sendSync(ctx, envelopes)
}

// checkSync refuses messages that cannot be one request.
func (cfg *config) checkSync(envelopes []*envelope) error {
	size := len("[]")
	for _, e := range envelopes {
		if !bytes.Equal(e.environment, envelopes[0].environment) {
			return &ValidationError{"environment", "must be the same in all messages of one call"}
		}
		size += len(e.json) + len(",")
	}
	if len(envelopes) > cfg.maxBatchSize {
		return fmt.Errorf("%w: %d messages, the limit is %d (WithMaxBatchSize)", ErrTooLarge, len(envelopes), cfg.maxBatchSize)
	}
	if size--; size > cfg.maxBatchBytes {
		return fmt.Errorf("%w: %d bytes together, the limit is %d (WithMaxBatchBytes)", ErrTooLarge, size, cfg.maxBatchBytes)
	}
	return nil
}

// sendSync waits for the messages' turn, if they have one, and sends them.
func (q *queue) sendSync(ctx context.Context, envelopes []*envelope) (*Response, error) {
	if err := q.checkBubble(envelopes[0].now); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxSyncWait)
		defer cancel()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(q.requests, cancel)()

	if envelopes[0].endpoint == identifyEndpoint {
		t, err := q.awaitTurn(ctx, envelopes)
		if err != nil {
			return nil, err
		}
		defer q.endTurn(t)
	}
	return q.attemptSync(ctx, envelopes[0].endpoint, syncPayload(envelopes))
}

// syncPayload returns what a request with the messages carries: one message is
// sent as an object.
func syncPayload(envelopes []*envelope) payload {
	var messages []byte
	for i, e := range envelopes {
		if i > 0 {
			messages = append(messages, ',')
		}
		messages = append(messages, e.json...)
	}
	return payload{parts: [2][]byte{messages}, array: len(envelopes) > 1}
}

// awaitTurn waits until identifies may be sent. endTurn gives up the turn.
func (q *queue) awaitTurn(ctx context.Context, envelopes []*envelope) (t *turn, err error) {
	for t == nil {
		if q.awaitUnread(ctx) != nil {
			return nil, q.syncEnded(ctx, nil)
		}
		var stored <-chan struct{}
		if t, stored, err = q.takeTurn(envelopes); err != nil {
			return nil, err
		}
		if stored != nil {
			select {
			case <-stored:
			case <-ctx.Done():
				return nil, q.syncEnded(ctx, nil)
			}
		}
	}
	select {
	case <-t.come:
		return t, nil
	case <-ctx.Done():
		q.endTurn(t)
		return nil, q.syncEnded(ctx, nil)
	}
}

// awaitUnread waits, if identifies are on disk alone, until all that was accepted
// before has its outcome: it is not known which people those identifies name.
func (q *queue) awaitUnread(ctx context.Context) error {
	f := q.flushUnread()
	if f == nil {
		return nil
	}
	err := f.wait(ctx)
	_ = q.endFlush(f, err) // what was lost is told elsewhere
	return err
}

// flushUnread begins a flush if identifies are on disk alone.
func (q *queue) flushUnread() *flush {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.onDisk.backlog.identifies == 0 {
		return nil
	}
	return q.startFlushLocked()
}

// takeTurn takes a turn for identifies, and restamps those that others, stamped
// later, have overtaken: see inOrderLocked. It returns no turn if more identifies
// are on disk alone by now: they would arrive later with the older stamps. While
// one is being written there, it returns a channel that is closed afterwards.
func (q *queue) takeTurn(envelopes []*envelope) (t *turn, stored <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown != nil {
		return nil, nil, ErrClosed
	}
	if stored := q.keeper.storingLocked(); stored != nil || q.onDisk.backlog.identifies > 0 {
		return nil, stored, nil
	}
	var people []person
	for _, e := range envelopes {
		q.inOrderLocked(e)
		q.noteStampLocked(e)
		people = append(people, e.person)
	}
	t = q.places.beginTurn(q.places.lane(identifyEndpoint, envelopes[0].environment), people, q.number)
	q.advanceLocked()
	return t, nil, nil
}

// endTurn gives up a synchronous call's place, whether its turn had come or not.
func (q *queue) endTurn(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.places.endTurn(t)
	q.advanceLocked()
}

// attemptSync sends m until the server gives a final answer or ctx ends.
func (q *queue) attemptSync(ctx context.Context, ep endpoint, m payload) (*Response, error) {
	schedule := q.cfg.retry.newSchedule()
	closing := q.closing
	elsewhere := false // it was sent once more, on another connection
	var response *Response
	var err error
	for attempt := 0; ctx.Err() == nil; attempt++ {
		response, err = q.postSync(ctx, ep, m, attempt)
		switch v := judge(err); {
		case v == misdirected && !elsewhere:
			elsewhere = true
			continue
		case v != retryable && v != limited:
			return response, err
		}
		delay := time.NewTimer(max(nextDelay(schedule, err), q.untilPace()))
		select {
		case <-delay.C:
		case <-closing: // as the queue: one attempt at once when Shutdown begins
			closing = nil
		case <-ctx.Done():
		}
		delay.Stop()
	}
	return nil, q.syncEnded(ctx, err)
}

// syncEnded is the error of a call that ended before the server's answer.
func (q *queue) syncEnded(ctx context.Context, cause error) error {
	if q.requests.Err() != nil {
		return joinErrors(ErrClosed, cause)
	}
	return joinErrors(ctx.Err(), cause)
}

// postSync makes one attempt, after so many others before, and counts it.
func (q *queue) postSync(ctx context.Context, ep endpoint, m payload, before int) (response *Response, err error) {
	began, p := q.beginSync(before > 0)
	err = &NetworkError{errNoAnswer} // stands if a RoundTripper ends the goroutine
	defer func() {
		q.endSync(ep, p, err)
		q.debugSync(ep, m, before+1, began, response, err)
	}()
	return q.transport.post(ctx, ep, true, m)
}

func (q *queue) beginSync(again bool) (began time.Duration, p permit) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	q.warnOfPlainHTTPLocked()
	q.stats.beginRequest(again)
	return now, q.pace.begins(now)
}

func (q *queue) endSync(ep endpoint, p permit, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.endRequest(err)
	q.pace.ends(p, ep, err, q.now())
	q.advanceLocked()
}

// untilPace returns how long the rate limit delays the next request.
func (q *queue) untilPace() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pace.at - q.now()
}
