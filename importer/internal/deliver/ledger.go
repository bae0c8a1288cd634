package deliver

import (
	"bytes"
	"sync"
	"time"

	altertable "github.com/altertable-ai/altertable-go"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

const (
	// maxWindow bounds the positions between the first one without an outcome and
	// the last one that was read. It is large, since one message may wait for long
	// while the others go on.
	maxWindow = 1 << 20
	// maxHeld bounds the bytes of rejects that wait for rows before them, or for their
	// file: that is slower than rows are read. With those that are being written, and
	// what the garbage collector leaves, a multiple of it is in memory.
	maxHeld = 8 << 20
	// maxGivenUp is how many times in a row the client may give up a batch that was
	// refused, with nothing delivered in between: few times before the API has taken
	// anything of the phase.
	maxGivenUp        = 100
	maxGivenUpAtFirst = 10
)

type status uint8

const (
	waiting   status = iota
	suspected        // refused by an API that has not taken any message yet
	refused
	delivered
)

// A slot is a position that was read.
type slot struct {
	digest  digest
	status  status
	doubted bool // counted as possibly delivered twice
}

// A ledger knows what became of the rows that were read, and which of it is not
// noted yet. Feed, the client's callbacks and the keeper use it.
type ledger struct {
	counters  *Counters
	batchSize int
	fail      func(error) // ends the run; called without mu
	failed    func() failed
	news      chan struct{}

	mu       sync.Mutex // guards what follows
	base     int64      // the first position without an outcome
	slots    []slot     // of the positions from base on
	chain    chain      // of the rows before base
	held     map[int64]record.Row
	heldSize int
	suspects []int64
	trusted  bool          // the API has taken a message of this phase
	pending  int           // messages that wait for an outcome
	handed   int           // 1 if one of again is about to be among pending
	again    []*record.Row // that the client gave up unjudged, in order
	people   people
	unsure   int64 // that were sent, and had no answer when the run ended
	doubts   doubts
	fresh    taken
	wake     chan struct{} // closed at the next change; nil if nobody waits
	many     current       // of the client that sends batches
	single   current       // of the one that sends each message in a request of its own
	trials   map[int64]*trial
	success  time.Time // when a message was delivered last
	arrived  int64     // messages of this run
	stuck    bool      // the next row, if there is one, waits for the outcome of others
}

// current is what the client's callbacks are about: WithOnDelivery's function is
// told of a batch first, and then the functions of its messages are.
type current struct {
	altertable.Delivery
	left     int
	cause    *altertable.APIError // of the delivery, or of the one before it
	unjudged bool                 // the messages were given up together
	givenUp  int                  // batches in a row
	counted  bool                 // the one of this cause
}

// taken is what is to be noted next.
type taken struct {
	done      []state.Range
	rejects   []record.Row
	delivered int64
	bytes     int64
	twice     int64 // more than was taken before
	chain     string
}

func newLedger(base int64, c chain, counters *Counters) *ledger {
	return &ledger{
		base: base, chain: c, counters: counters,
		news: make(chan struct{}, 1), held: make(map[int64]record.Row), people: make(people), trials: make(map[int64]*trial),
	}
}

// add notes a row that was read.
func (l *ledger) add(row *record.Row, s status) {
	d := digestOf(row)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots = append(l.slots, slot{digest: d, status: s})
	if s == refused {
		l.holdLocked(*row)
		l.counters.Done.Add(1)
		l.counters.Refused.Add(1)
	}
}

// sent notes that a message waits for its outcome, or with -1 that it does not.
func (l *ledger) sent(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending += n
	l.handed = 0
	l.counters.InFlight.Add(int64(n))
}

// refuse notes that a row was refused at once.
func (l *ledger) refuse(row *record.Row, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.people.leave(row)
	l.refuseLocked(row, reason, refused)
}

func (l *ledger) refuseLocked(row *record.Row, reason string, s status) {
	l.slots[row.Position-l.base].status = s
	delete(l.trials, row.Position)
	one := *row
	one.Reason = reason
	l.holdLocked(one)
	l.counters.Done.Add(1)
	l.counters.Refused.Add(1)
	if s == suspected {
		l.suspects = append(l.suspects, row.Position)
	}
}

func (l *ledger) holdLocked(row record.Row) {
	row.Message = bytes.Clone(row.Message) // its memory may be that of many rows
	l.held[row.Position] = row
	l.heldSize += sizeOf(&row)
}

// sizeOf returns about how much memory a held row takes.
func sizeOf(row *record.Row) int {
	const besides = 300 // its fields, and its place in the map
	return len(row.Message) + besides
}

// delivery is the WithOnDelivery of the client that c is about.
func (l *ledger) delivery(c *current, d altertable.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.Delivery, c.left, c.unjudged = d, d.Count, false
	if d.Err == nil {
		c.cause, c.givenUp = nil, 0
		return
	}
	cause := refusal(d.Err)
	// The pieces of a batch that is given up as it stands have one error.
	same := cause == c.cause
	c.unjudged = cause != nil && (d.Count > 1 || same)
	if !same {
		c.counted = false
	}
	if c.unjudged && !c.counted {
		c.counted = true
		c.givenUp++
	}
	c.cause = cause
}

// outcome is what the client that c is about tells of one message.
func (l *ledger) outcome(c *current, row *record.Row, err error) {
	var fatal error
	l.mu.Lock()
	l.pending--
	l.people.leave(row)
	l.doubts.answer(err)
	l.counters.InFlight.Add(-1)
	switch v := l.judgeLocked(c, err); v {
	case arrived:
		l.deliveredLocked(c, row.Position)
	case refusedAlone:
		s := refused
		if !l.trusted {
			s = suspected
		}
		l.refuseLocked(row, reasonOf(err), s)
	case unjudged:
		l.sendAgainLocked(row)
		l.doubtLocked(c, row.Position)
	case overdue:
		l.tryAgainLocked(c, row, err)
	case unanswered:
		if t := l.trials[row.Position]; t == nil || !t.unknown {
			l.unsure++
		}
	case hopeless:
		fatal = err
		l.doubts.end(err, &l.unsure)
	}
	last := l.batchLocked(c)
	l.wakeLocked()
	l.mu.Unlock()
	if fatal != nil {
		l.fail(fatal)
	}
	if last {
		l.tell()
	}
}

func (l *ledger) deliveredLocked(c *current, position int64) {
	l.doubtLocked(c, position)
	l.slots[position-l.base].status = delivered
	delete(l.trials, position)
	l.success = time.Now()
	l.arrived++
	l.counters.Done.Add(1)
	l.fresh.delivered++
	l.fresh.addDone(position)
	l.trustLocked()
}

// doubtLocked counts a message that an earlier request may have delivered as well.
func (l *ledger) doubtLocked(c *current, position int64) {
	if c.Attempts > 1 {
		l.repeatedLocked(position)
	}
}

// repeatedLocked counts a message that more than one request carried, once.
func (l *ledger) repeatedLocked(position int64) {
	if s := &l.slots[position-l.base]; !s.doubted {
		s.doubted = true
		l.doubts.repeated++
	}
}

// trust takes the API's word for what it has refused.
func (l *ledger) trust(yes bool) {
	l.mu.Lock()
	l.trustLocked()
	l.trusted = yes
	l.mu.Unlock()
	l.tell()
}

func (l *ledger) trustLocked() {
	l.trusted = true
	for _, position := range l.suspects {
		l.slots[position-l.base].status = refused
	}
	l.suspects = nil
}

// batchLocked counts the messages of a batch, and reports whether all of them have
// been told.
func (l *ledger) batchLocked(c *current) bool {
	if c.left--; c.left > 0 {
		return false
	}
	if c.Err == nil {
		l.fresh.bytes += int64(c.Bytes)
	}
	return true
}

// tell wakes the keeper.
func (l *ledger) tell() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// take returns what is to be noted next, and moves the base up to the first
// position without an outcome.
func (l *ledger) take() taken {
	failed := l.failed()
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.fresh
	l.fresh = taken{}
	t.twice = l.doubts.take(failed)
	n := 0
	for n < len(l.slots) && l.slots[n].status >= refused {
		position := l.base + int64(n)
		if row, ok := l.held[position]; ok {
			t.rejects = append(t.rejects, row)
			l.heldSize -= sizeOf(&row)
			delete(l.held, position)
		}
		l.chain.add(l.slots[n].digest)
		n++
	}
	if n > 0 {
		t.done = append(t.done, state.Range{First: l.base, Last: l.base + int64(n) - 1})
		l.slots = l.slots[n:]
		l.base += int64(n)
		l.wakeLocked()
	}
	t.chain = l.chain.String()
	return t
}

func (t *taken) addDone(position int64) {
	if n := len(t.done); n > 0 && t.done[n-1].Last+1 == position {
		t.done[n-1].Last = position
		return
	}
	t.done = append(t.done, state.Range{First: position, Last: position})
}

// isEmpty reports whether there is nothing to be noted.
func (t *taken) isEmpty() bool { return len(t.done) == 0 && t.bytes == 0 && t.twice == 0 }

func (l *ledger) wakeLocked() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}

func (l *ledger) awaitLocked() <-chan struct{} {
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake
}

// awaitAll waits until all messages have their outcome. The client has promised
// one for each. It returns how many may have arrived all the same.
func (l *ledger) awaitAll(patience time.Duration) (unsure int64) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		failed := l.failed()
		l.mu.Lock()
		unsure = l.unsure + l.unsureTrialsLocked() + int64(l.pending) + min(l.doubts.ended, l.doubts.most(failed))
		var wake <-chan struct{}
		if l.pending > 0 {
			wake = l.awaitLocked()
		}
		l.mu.Unlock()
		if wake == nil {
			return unsure
		}
		select {
		case <-wake:
		case <-timer.C:
			return unsure
		}
	}
}
