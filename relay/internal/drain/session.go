package drain

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	altertable "github.com/altertable-ai/altertable-go"
)

// An ending is how a session ends. A later one replaces an earlier one.
type ending int

const (
	goesOn   ending = iota
	graceful        // something is to come from the stream once more
	lost            // another relay leads, or may
	paused          // the API refuses the account
)

// An opening is how a session begins.
type opening struct {
	leads     bool          // the lanes that lead go on leading
	probation bool          // one message a lane until the API takes something
	after     time.Duration // how long to wait before
}

// A session is what a Drain does with one core client. See the package's guide.
type session struct {
	d      *Drain
	client *altertable.Client
	fence  *fence
	lanes  [lanes]*lane
	from   opening
	began  time.Time

	ctx    context.Context // ends with the session
	cancel context.CancelFunc
	team   sync.WaitGroup // goroutines that end with ctx
	soft   chan struct{}  // closed when it is to end gracefully
	hard   chan struct{}  // closed when it is to end at once

	accepted atomic.Int64 // batches that the API took
	told     atomic.Int64 // of these, those of which the client has told
	judged   atomic.Int64 // events that the lanes gave to the client, and whose outcome was judged
	letters  letters
	asks     chan struct{} // a missing environment is to be asked for
	pieces   int           // messages of the newest batch with an outcome; callback goroutine only

	mu      sync.Mutex // guards what follows, and what says so of lanes and held messages
	how     ending
	why     string
	held    map[msgID]*held
	parked  int
	open    bool          // no probation, or it is over
	partial int           // events delivered of held messages: what would come twice if this process died
	flushed time.Time     // when they were last too many
	moved   chan struct{} // closed when something was settled or parked; nil while nobody waits
	unacked []string      // replies whose acknowledgement could not be written
}

func (d *Drain) newSession(o opening) (*session, error) {
	s := &session{
		d: d, from: o, began: time.Now(),
		soft: make(chan struct{}), hard: make(chan struct{}), asks: make(chan struct{}, 1),
		held: map[msgID]*held{}, open: !o.probation,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.fence = newFence(s)
	s.letters.s = s
	client, err := d.newClient(s.fence, s.delivered)
	if err != nil {
		s.cancel()
		return nil, err
	}
	s.client = client
	for i := range s.lanes {
		s.lanes[i] = newLane(s, i)
	}
	d.mu.Lock()
	d.session = s
	d.mu.Unlock()
	return s, nil
}

// run returns when the session is over, and how the next one is to begin.
func (s *session) run() opening {
	pulling, stopPulling := context.WithCancel(s.ctx)
	var pullers sync.WaitGroup
	for _, l := range s.lanes {
		pullers.Go(func() { l.run(pulling, s.from.leads) })
		s.team.Go(func() { l.keep(s.ctx) })
	}
	s.team.Go(func() { s.beat(s.ctx) })
	s.team.Go(func() { s.askForMissing(s.ctx) })
	select {
	case <-s.soft:
	case <-s.hard:
	case <-s.d.alive.Done():
	}
	stopPulling()
	pullers.Wait()
	s.deliverHeld()
	return s.close()
}

// deliverHeld waits until all that is held has its outcome, or the session is to end at once.
func (s *session) deliverHeld() {
	_ = s.client.Flush(ended) // what waits for company leaves now
	for {
		active, moved := s.activeNow()
		if active == 0 {
			return
		}
		select {
		case <-moved:
		case <-s.hard:
			return
		case <-s.d.alive.Done():
			s.deliverUntil(s.d.deadline())
			return
		}
	}
}

// deliverUntil waits until all that is held has its outcome, or ctx ends.
func (s *session) deliverUntil(ctx context.Context) {
	limit, cancel := context.WithCancel(ctx)
	defer cancel()
	s.team.Go(func() {
		select {
		case <-s.hard:
			s.fence.close(s.d.attempt + time.Second)
			cancel() // nothing more will be delivered
		case <-limit.Done():
		}
	})
	_ = s.client.Shutdown(limit)
	for {
		active, moved := s.activeNow()
		if active == 0 {
			return
		}
		select {
		case <-moved:
		case <-s.hard:
			return
		case <-ctx.Done():
			return
		}
	}
}

// close ends the session. Requests that are under way end first: their answers save
// events from being sent twice.
func (s *session) close() opening {
	s.fence.close(s.d.attempt + time.Second)
	s.awaitTold(s.d.attempt)
	_ = s.client.Shutdown(ended)
	s.awaitJudged(s.d.attempt)
	s.ackAgain()
	_ = s.d.broker.flush(s.ctx)
	how, why := s.ending()
	stopped := s.d.alive.Err() != nil
	if stopped || how == paused {
		s.giveUpLead()
	}
	s.letters.close()
	s.cancel()
	s.team.Wait()
	for _, l := range s.lanes {
		if stopped || how != graceful {
			l.lease.drop()
			l.sayLeads(false)
		}
	}
	s.d.forgetMissing(how == graceful)
	left := s.letGo()
	next := opening{leads: how == graceful, probation: s.probing()}
	switch {
	case stopped:
		s.d.noteLeft(left)
		return next
	case how == paused:
		next.probation, next.after = true, s.d.pauseFor
	case how == graceful && s.from.leads && time.Since(s.began) < time.Second:
		next.after = s.d.o.PinnedTTL / 64 // whatever it is, it is no use to hurry
	}
	s.d.log.Debug("relay: the drain begins anew", "reason", why)
	return next
}

// awaitTold waits until the client has told of what the API took. It is behind the
// answers, and forgets, when it is shut down, those that it has not read to the end.
// Their events would be sent twice.
func (s *session) awaitTold(patience time.Duration) {
	s.await(patience, func() bool { return s.told.Load() >= s.accepted.Load() })
}

// awaitJudged waits until each event that the client was given has its outcome.
func (s *session) awaitJudged(patience time.Duration) {
	s.await(patience, func() bool {
		given := int64(0)
		for _, l := range s.lanes {
			given += l.given.Load()
		}
		return s.judged.Load() >= given
	})
}

// await asks again and again: a session ends seldom, and soon.
func (s *session) await(patience time.Duration, holds func() bool) {
	for until := time.Now().Add(patience); !holds() && time.Now().Before(until); {
		wait(s.ctx, time.Millisecond)
	}
}

// giveUpLead lets another relay take over at once.
func (s *session) giveUpLead() {
	limit, cancel := context.WithTimeout(s.ctx, 2*time.Second)
	defer cancel()
	for _, l := range s.lanes {
		if l.lease.current() != "" && l.lease.left() > 0 {
			_ = s.d.broker.unpin(limit, l.consumer) // else the pin's time is over soon
		}
	}
}

// end has the session end in that way, unless it ends in a harder way already.
func (s *session) end(how ending, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if how <= s.how {
		return
	}
	if s.how < graceful {
		close(s.soft)
	}
	if s.how < lost && how >= lost {
		s.fence.shut()
		close(s.hard)
	}
	s.how, s.why = how, why
}

func (s *session) ending() (ending, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.how, s.why
}

// delivered is told of every batch with an outcome, before its events' dones.
func (s *session) delivered(b altertable.Delivery) {
	s.pieces = b.Count
	if b.Err != nil {
		return
	}
	s.d.o.Metrics.Delivered(s.d.o.Tenant, b.Endpoint, b.Count)
	s.told.Add(1)
	s.mu.Lock()
	refused := s.how == paused // since: this request was under way
	if !s.open {
		s.open = true
		s.movedLocked()
	}
	hurry := s.hurriesLocked()
	s.mu.Unlock()
	s.d.noteDelivery(refused)
	if hurry {
		_ = s.client.Flush(ended) // what waits for company leaves now
	}
}

// hurriesLocked reports whether what waits for company keeps too many messages from
// being acknowledged. An identify of a person who has another one under way waits for
// the flush interval, and, at many a second, as many messages wait for theirs. The answer is
// yes 20 times a second at most: a batch that the API does not take holds its
// messages up, whatever leaves.
func (s *session) hurriesLocked() bool {
	if s.partial < s.d.o.MaxInFlight*s.d.o.BatchSize/2 || time.Since(s.flushed) < 50*time.Millisecond {
		return false
	}
	s.flushed = time.Now()
	return true
}

func (s *session) probing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.open
}

// room returns how many messages of how many bytes the lane may pull, and, if that is
// none, what is closed when there may be some.
func (s *session) room(l *lane) (batch, bytes int, moved <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := max(s.d.laneBudget-l.used, 0)
	switch {
	case l.active == 0 && !s.open:
		return 1, 0, nil
	case l.active == 0:
		return pullBatch, pullBytes, nil
	case !s.open, free < min(pullBytes, s.d.laneBudget/4):
		return 0, 0, s.movesLocked()
	}
	return pullBatch, pullBytes, nil
}

// activeNow returns how many held messages are not parked, and what is closed when
// one more was settled.
func (s *session) activeNow() (active int, moved <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held) - s.parked, s.movesLocked()
}

func (s *session) movesLocked() <-chan struct{} {
	if s.moved == nil {
		s.moved = make(chan struct{})
	}
	return s.moved
}

func (s *session) movedLocked() {
	if s.moved != nil {
		close(s.moved)
		s.moved = nil
	}
}
