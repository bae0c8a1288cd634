package altertable

import (
	"context"
	"time"
)

// maxSyncWait bounds a synchronous call whose context has no deadline.
const maxSyncWait = 30 * time.Second

// TrackSync sends events in one request, past the queue, and returns the
// platform's answer after it has done the work. One event is sent as an
// object, more as an array. It waits for the answer, retries as the queue does,
// the first attempt at once, until ctx ends, or 30 s where ctx has no deadline.
//
// The error is a *ValidationError for no event, an invalid one, or events of
// several environments; ErrTooLarge over the limits of a batch; in these cases
// nothing was sent. Otherwise it is an *APIError, a *NetworkError, or ErrClosed
// after Close or when Shutdown ends, joined with ctx's error if that ended. The
// maps are the caller's again when it returns. Callbacks are not called.
func (c *Client) TrackSync(ctx context.Context, t ...Track) (*Response, error) {
	return syncCall(c, ctx, trackEndpoint, t, func(ctx context.Context, t Track, e *envelope) (bool, error) {
		return c.encodeTrack(ctx, t, e)
	})
}

// IdentifySync is TrackSync for identifies. It goes after the identifies of
// its environment that were accepted before it, waiting for them if need be,
// and before those accepted later.
func (c *Client) IdentifySync(ctx context.Context, i ...Identify) (*Response, error) {
	return syncCall(c, ctx, identifyEndpoint, i, func(ctx context.Context, i Identify, e *envelope) (bool, error) {
		return c.encodeIdentify(ctx, i, e)
	})
}

// AliasSync is TrackSync for aliases.
func (c *Client) AliasSync(ctx context.Context, a ...Alias) (*Response, error) {
	return syncCall(c, ctx, aliasEndpoint, a, func(_ context.Context, a Alias, e *envelope) (bool, error) {
		return c.encodeAlias(a, e)
	})
}

func syncCall[M Message](c *Client, ctx context.Context, ep endpoint, messages []M,
	encode func(context.Context, M, *envelope) (bool, error)) (*Response, error) {
	if c.absent() {
		return &Response{}, nil
	}
	ctx = orBackground(ctx)
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
		e := newEnvelope(ep)
		envelopes = append(envelopes, e)
		keep, err := encode(ctx, m, e)
		if err != nil {
			return nil, err
		}
		if !keep {
			envelopes = envelopes[:len(envelopes)-1]
			e.free()
		}
	}
	if err := c.cfg.checkSync(envelopes); err != nil {
		return nil, err
	}
	if c.queue.isClosing() {
		return nil, ErrClosed
	}
	if c.cfg.disabled || len(envelopes) == 0 {
		return &Response{OK: true}, nil
	}
	return c.queue.sendSync(ctx, envelopes)
}

// checkSync refuses messages that cannot be one request.
func (cfg *config) checkSync(envelopes []*envelope) error {
	size := len("[]")
	for _, e := range envelopes {
		if e.environment != envelopes[0].environment {
			return &ValidationError{"environment", "must be the same in all messages of one call"}
		}
		size += len(e.json) + len(",")
	}
	if size--; size > cfg.maxBatchBytes {
		return tooLarge(size, cfg.maxBatchBytes)
	}
	if len(envelopes) > cfg.maxBatchSize {
		return tooMany(len(envelopes), cfg.maxBatchSize)
	}
	return nil
}

// sendSync waits for the messages' turn, if they have one, and sends them.
func (q *queue) sendSync(ctx context.Context, envelopes []*envelope) (*Response, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxSyncWait)
		defer cancel()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(q.requests, cancel)()

	if envelopes[0].endpoint == identifyEndpoint {
		turn, err := q.awaitTurn(ctx, envelopes)
		if err != nil {
			return nil, err
		}
		defer q.endTurn(turn)
	}
	c := newContent(0)
	defer c.release()
	for _, e := range envelopes {
		c.append(e.json, 0, 0)
	}
	return q.attemptSync(ctx, envelopes[0].endpoint, c)
}

// awaitTurn waits until identifies may be sent. endTurn gives up the turn.
func (q *queue) awaitTurn(ctx context.Context, envelopes []*envelope) (turn *batch, err error) {
	for turn == nil {
		if q.awaitBacklog(ctx) != nil {
			return nil, q.syncEnded(ctx, nil)
		}
		if turn, err = q.takeTurn(envelopes); err != nil {
			return nil, err
		}
	}
	select {
	case <-turn.turn:
		return turn, nil
	case <-ctx.Done():
		q.endTurn(turn)
		return nil, q.syncEnded(ctx, nil)
	}
}

// takeTurn lines up for identifies, and restamps those that others, stamped
// later, have overtaken: see inOrder. It returns nil if more identifies have
// joined the backlog: they would arrive later with the older stamps.
func (q *queue) takeTurn(envelopes []*envelope) (*batch, error) {
	if q.spool != nil { // nobody is between being stamped in order and lining up
		q.spool.mu.Lock()
		defer q.spool.mu.Unlock()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown != nil {
		return nil, ErrClosed
	}
	if q.backlog.identifies > 0 {
		return nil, nil
	}
	turn := q.turnOf(q.lane(identifyEndpoint, envelopes[0].environment))
	for _, e := range envelopes {
		q.inOrder(e)
		q.noteStamp(e)
	}
	q.advance()
	return turn, nil
}

// turnOf takes a place behind the identifies of a lane for a synchronous call.
func (q *queue) turnOf(l *lane) *batch {
	if l.open != nil {
		q.seal(l.open)
	}
	l.batches++
	b := &batch{lane: l, turn: make(chan struct{})}
	q.lineUp(b)
	return b
}

// endTurn gives up a synchronous call's place, whether its turn had come or not.
func (q *queue) endTurn(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.withdraw(b)
	b.state = settled
	q.passOn(b)
	q.leave(b.lane)
	q.advance()
}

// attemptSync sends the messages of c until the server answers for good or ctx ends.
func (q *queue) attemptSync(ctx context.Context, ep endpoint, c *content) (*Response, error) {
	schedule := q.cfg.retry.newSchedule()
	closing := q.closing
	var response *Response
	var err error
	for attempt := 0; ctx.Err() == nil; attempt++ {
		q.countRequest(attempt > 0)
		n := len(c.marks)
		response, err = q.transport.post(ctx, ep, true, newBody(c, 0, n, n > 1))
		if judge(err) != retryable {
			return response, err
		}
		delay := time.NewTimer(nextDelay(schedule, err))
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

func (q *queue) countRequest(retry bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Requests++
	if retry {
		q.stats.Retries++
	}
}

func (q *queue) isClosing() bool {
	select {
	case <-q.closing:
		return true
	default:
		return false
	}
}
