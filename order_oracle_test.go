package altertable_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// An oracle tells whether identifies kept their order. It knows only what can be
// seen from outside: the calls, the requests, and the reported outcomes.
//
// Of two identifies, one is known to be accepted before the other if its call
// returned before the other's began. When a request carries an identify, those of
// the same person that were accepted before must have their outcome.
type oracle struct {
	mu         sync.Mutex
	clock      int // counts calls and returns
	generation int // of the client: a dead one's requests are over
	messages   []*sent
	people     map[string][]*sent   // identifies, by each of their people
	newest     map[string]time.Time // stamp of the newest identify sent, by person
	states     map[string]time.Time // stamp of the traits that the platform has, by identity
	log        []happening
	requests   int
	delivered  int64 // messages that the client of this generation reported as such
	lost       int64
	violation  string // the first one; more would follow from it
}

// A person is an environment with a distinct id or an anonymous id.
type person struct{ environment, distinctID, anonymousID string }

func (p person) keys() (keys []string) {
	if p.distinctID != "" {
		keys = append(keys, p.environment+" distinct "+p.distinctID)
	}
	if p.anonymousID != "" {
		keys = append(keys, p.environment+" anonymous "+p.anonymousID)
	}
	return keys
}

// sent is a message that the application handed to the client.
type sent struct {
	number   int
	person   person // of an identify
	keys     []string
	sync     bool
	called   int // on the oracle's clock
	ordered  int // when its place in the order was certain; 0 until then
	refused  bool
	carrier  *attempt // carries it now
	answered int      // generation in which a request that carried it was answered with success, counted from 1; 0 if none was
	attempts int      // requests that carried it
	applied  bool     // the platform has it
	outcomes int      // reported; a synchronous call that returned counts
	stamp    time.Time
	passedBy *sent // was sent while this one, accepted before, had no outcome
	passedAt time.Time
}

// isBefore reports whether m is known to be accepted before the other. Stamps
// strictly increase, but that of m is not known until it is sent.
func (m *sent) isBefore(other *sent) bool {
	return m.ordered > 0 && m.ordered < other.called || m.attempts > 0 && m.stamp.Before(other.stamp)
}

func (m *sent) isSettled() bool { return m.answered > 0 || m.outcomes > 0 || m.refused }

// An attempt is a request as the server sees it.
type attempt struct {
	number     int
	ctx        context.Context
	generation int
	messages   []*sent
	repetition int // of its first message
}

func (o *oracle) isUnderWay(a *attempt) bool {
	return a != nil && a.generation == o.generation && a.ctx.Err() == nil
}

type happening struct {
	at       time.Time
	what     string
	messages []*sent
}

func newOracle() *oracle {
	return &oracle{people: map[string][]*sent{}, newest: map[string]time.Time{}, states: map[string]time.Time{}}
}

func (o *oracle) note(messages []*sent, format string, args ...any) {
	o.log = append(o.log, happening{time.Now(), fmt.Sprintf(format, args...), messages})
}

// call notes that the application is about to hand over a message, which has
// people if it is an identify, and returns its number.
func (o *oracle) call(p person, synchronous bool) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock++
	m := &sent{number: len(o.messages), person: p, keys: p.keys(), sync: synchronous, called: o.clock}
	o.messages = append(o.messages, m)
	for _, key := range m.keys {
		o.people[key] = append(o.people[key], m)
	}
	return m.number
}

// returned notes what the call returned.
func (o *oracle) returned(err error, numbers ...int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock++
	for _, n := range numbers {
		m := o.messages[n]
		if m.ordered == 0 {
			m.ordered = o.clock
		}
		if m.sync {
			o.settle(m, err)
		} else {
			m.refused = err != nil
		}
		o.note([]*sent{m}, "%s returned %v", m.call(), err)
	}
}

// linedUp notes that a synchronous call has its place in the order by now.
func (o *oracle) linedUp(numbers ...int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock++
	for _, n := range numbers {
		if m := o.messages[n]; m.ordered == 0 {
			m.ordered = o.clock
			o.note([]*sent{m}, "%s waits or is under way", m.call())
		}
	}
}

func (m *sent) call() string {
	if m.sync {
		return "IdentifySync"
	}
	return "call"
}

// begin notes that a request reaches the server. It
// returns nil if it is over already, or its client is dead.
func (o *oracle) begin(ctx context.Context, generation int, body []byte) *attempt {
	o.mu.Lock()
	defer o.mu.Unlock()
	if generation != o.generation || ctx.Err() != nil {
		return nil
	}
	a := &attempt{number: o.requests, ctx: ctx, generation: generation}
	o.requests++
	stamps := stampsIn(body)
	for i, n := range numbersIn(body) {
		m := o.messages[n]
		m.stamp = stamps[i]
		a.messages = append(a.messages, m)
	}
	o.note(a.messages, "request %d begins", a.number)
	for i, m := range a.messages {
		o.checkRepetition(m)
		for _, key := range m.keys {
			o.checkOrder(a, i, key)
		}
		m.carrier = a
		m.attempts++
	}
	a.repetition = a.messages[0].attempts
	return a
}

func (o *oracle) checkRepetition(m *sent) {
	switch {
	case o.isUnderWay(m.carrier):
		o.complain(m.keys, "#%d is carried by two requests at once", m.number)
	case m.refused:
		o.complain(m.keys, "#%d is sent, though its call returned an error", m.number)
	case m.answered == o.generation+1:
		o.complain(m.keys, "#%d is sent again after it was delivered", m.number)
	case m.outcomes > 0 && o.generation == 0:
		o.complain(m.keys, "#%d is sent after its outcome was reported", m.number)
	}
}

// checkOrder compares the attempt's message i with the others of one of its people.
func (o *oracle) checkOrder(a *attempt, i int, key string) {
	m := a.messages[i]
	if p := m.passedBy; p != nil && !m.isSettled() {
		o.complain([]string{key}, "#%d is sent after #%d, which was accepted later", m.number, p.number)
	}
	if m.attempts == 0 {
		if m.stamp.Before(o.newest[key]) {
			o.complain([]string{key}, "#%d is sent after one with a later stamp", m.number)
		}
		o.newest[key] = later(m.stamp, o.newest[key])
	}
	for _, other := range o.people[key] {
		switch place := slices.Index(a.messages, other); {
		case other == m || other.isSettled():
		case place >= 0:
			if place > i && other.isBefore(m) {
				o.complain([]string{key}, "#%d stands before #%d in request %d", m.number, other.number, a.number)
			}
		case o.isUnderWay(other.carrier):
			o.complain([]string{key}, "#%d is sent while request %d still carries #%d", m.number, other.carrier.number, other.number)
		case other.isBefore(m) && other.passedBy == nil:
			other.passedBy, other.passedAt = m, time.Now()
		}
	}
}

func later(t, other time.Time) time.Time {
	if t.After(other) {
		return t
	}
	return other
}

// apply notes that the platform takes what the request carries, and checks
// that it does not ignore any traits: it does if it has newer ones.
func (o *oracle) apply(a *attempt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.generation != o.generation {
		return
	}
	for _, m := range a.messages {
		if m.person == (person{}) {
			m.applied = true
			continue
		}
		identity := m.person.environment + " " + m.person.distinctID
		if !m.applied && !m.stamp.After(o.states[identity]) {
			o.complain(m.keys, "the traits of #%d are lost: the platform has newer ones", m.number)
		}
		m.applied = true
		o.states[identity] = later(m.stamp, o.states[identity])
	}
}

// end notes the answer to a request; 0 stands for none.
func (o *oracle) end(a *attempt, status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.note(a.messages, "request %d ends with %d", a.number, status)
	for _, m := range a.messages {
		if m.carrier != a {
			continue
		}
		m.carrier = nil
		if status == 200 && a.ctx.Err() == nil {
			m.answered = a.generation + 1
		}
	}
}

// tell notes an outcome that a client of the generation reports.
func (o *oracle) tell(generation int, err error, numbers ...int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if generation != o.generation {
		return // it is dead
	}
	for _, n := range numbers {
		m := o.messages[n]
		o.note([]*sent{m}, "outcome reported: %v", err)
		switch {
		case err == nil && m.answered == 0:
			o.complain(m.keys, "#%d is reported as delivered, and was not", m.number)
		case err != nil && m.answered == generation+1:
			o.complain(m.keys, "#%d is reported as lost, and was delivered", m.number)
		}
		if err == nil {
			o.delivered++
		} else {
			o.lost++
		}
		if m.outcomes > 0 && o.generation == 0 {
			o.complain(m.keys, "#%d has two outcomes", m.number)
		}
		o.settle(m, err)
	}
}

// settle notes an outcome. Callbacks are told a little later, but at the same
// virtual time, so that a message given up at another time than when it was
// passed had no outcome then.
func (o *oracle) settle(m *sent, err error) {
	m.outcomes++
	if p := m.passedBy; p != nil && m.answered == 0 && err != nil && !m.passedAt.Equal(time.Now()) {
		o.complain(m.keys, "#%d was sent while #%d, accepted before it, had no outcome", p.number, m.number)
	}
}

// kill notes that the client dies. A synchronous call dies with it.
func (o *oracle) kill() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.generation++
	o.delivered, o.lost = 0, 0
	o.log = append(o.log, happening{time.Now(), "the client dies", o.messages})
	for _, m := range o.messages {
		m.carrier = nil
		if m.sync {
			m.outcomes++
		}
	}
}

// finish checks what holds when the client is closed. A client with a spool may
// have left messages to the next one.
func (o *oracle) finish(s altertable.Stats) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.Accepted != s.Delivered+s.Failed+s.Dropped+s.Queued || s.Delivered != o.delivered || s.Failed+s.Dropped != o.lost {
		o.complain(nil, "the books do not balance: %d delivered, %d lost, %+v", o.delivered, o.lost, s)
	}
	open := 0
	for _, m := range o.messages {
		if m.sync || m.refused || m.outcomes > 0 {
			continue
		}
		open++
		if s.Queued == 0 {
			o.complain(m.keys, "#%d has no outcome", m.number)
		}
	}
	if open != int(s.Queued) {
		o.complain(nil, "%d messages have no outcome: %+v", open, s)
	}
}

func (o *oracle) complain(keys []string, format string, args ...any) {
	if o.violation != "" {
		return
	}
	var text strings.Builder
	fmt.Fprintf(&text, format, args...)
	for _, key := range keys {
		o.history(&text, key)
	}
	o.violation = text.String()
}

// history tells what happened to the identifies of one person.
func (o *oracle) history(text *strings.Builder, key string) {
	fmt.Fprintf(text, "\n\t%s:", key)
	start := o.log[0].at
	for _, h := range o.log {
		var numbers []string
		for _, m := range h.messages {
			if slices.Contains(m.keys, key) {
				numbers = append(numbers, fmt.Sprintf("#%d", m.number))
			}
		}
		if len(numbers) > 0 {
			fmt.Fprintf(text, "\n\t%12v  %s: %s", h.at.Sub(start), h.what, strings.Join(numbers, " "))
		}
	}
}

func (o *oracle) verdict() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.violation
}

// mark is how message n is recognized in a request's body.
func mark(n int) string { return fmt.Sprintf("#%d#", n) }

// numbersIn returns the numbers of the messages in a body.
func numbersIn(body []byte) (numbers []int) {
	for parts := bytes.Split(body, []byte("#")); len(parts) > 2; parts = parts[2:] {
		n, err := strconv.Atoi(string(parts[1]))
		if err != nil {
			panic(err)
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// stampsIn returns the timestamps of the messages in a body.
func stampsIn(body []byte) (stamps []time.Time) {
	const field = `"timestamp":"`
	for at := bytes.Index(body, []byte(field)); at >= 0; at = bytes.Index(body, []byte(field)) {
		body = body[at+len(field):]
		stamp, err := time.Parse(time.RFC3339, string(body[:bytes.IndexByte(body, '"')]))
		if err != nil {
			panic(err)
		}
		stamps = append(stamps, stamp)
	}
	return stamps
}
