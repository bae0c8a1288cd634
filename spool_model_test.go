//go:build unix

package altertable_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// A spoolModel knows what became of every message that clients with a spool
// accepted. It sees the calls, the requests, the reports and the faults.
type spoolModel struct {
	mu       sync.Mutex
	messages []*kept
	lives    []*spoolLife

	mayRepeat  bool // a kill, or an outcome that could not be noted
	mayLose    bool // somebody removed or damaged files
	mayNotRead bool // a file that is away
	unnamed    int  // messages that were told without their payload, since their file was away
	violation  string
}

// A kept message was handed to a client with a spool.
type kept struct {
	number   int
	life     *spoolLife
	sync     bool
	accepted bool
	refused  bool
	mayLose  bool       // was in a file that somebody removed or damaged
	repeats  bool       // the answer to a request that carried it may have been lost
	flushed  bool       // a Flush of its client has returned nil, so that it has an outcome
	answered []int      // lives whose request was answered with success
	told     []spoolEnd // outcomes
}

type spoolEnd struct {
	life int
	err  error
}

// A spoolLife is one client, from New to Shutdown or a kill.
type spoolLife struct {
	number    int
	accepted  int64 // calls that returned nil
	delivered int64 // messages told
	lost      int64
	inside    int // callbacks that run
	dead      bool
	tainted   bool // files were removed or damaged
	closing   bool
}

func (m *spoolModel) complain(format string, args ...any) {
	if m.violation == "" {
		m.violation = fmt.Sprintf(format, args...)
	}
}

func (m *spoolModel) locked(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *spoolModel) begin() *spoolLife {
	m.mu.Lock()
	defer m.mu.Unlock()
	life := &spoolLife{number: len(m.lives)}
	m.lives = append(m.lives, life)
	return life
}

// call notes that a message is about to be handed over.
func (m *spoolModel) call(life *spoolLife, synchronous bool) *kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	message := &kept{number: len(m.messages), life: life, sync: synchronous}
	m.messages = append(m.messages, message)
	return message
}

func (m *spoolModel) returned(message *kept, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case message.sync:
	case err == nil:
		message.accepted = true
		message.life.accepted++
	default:
		message.refused = true
		if len(message.answered) > 0 {
			m.complain("#%d was sent, though its call returned %v", message.number, err)
		}
	}
}

// arrive notes that a request reaches the server. It is false if its client is dead.
func (m *spoolModel) arrive(life *spoolLife, numbers []int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if life.dead {
		return false
	}
	for _, n := range numbers {
		switch message := m.messages[n]; {
		case message.sync:
		case message.refused:
			m.complain("#%d is sent, though its call returned an error", n)
		case len(message.answered) > 0 && !m.mayRepeat && !message.repeats:
			m.complain("#%d is sent again by client %d, after client %d delivered it", n, life.number, message.answered[0])
		}
	}
	return true
}

// answer notes a success. Whether the client sees it is not known if ctx has ended.
func (m *spoolModel) answer(ctx context.Context, life *spoolLife, numbers []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range numbers {
		message := m.messages[n]
		if message.flushed && len(message.answered) == 0 && !life.dead && !m.mayRepeat {
			m.complain("#%d is delivered by client %d after a Flush of client %d has returned nil", n, life.number, message.life.number)
		}
		message.answered = append(message.answered, life.number)
		message.repeats = message.repeats || ctx.Err() != nil || life.dead
	}
}

func (m *spoolModel) enter(life *spoolLife) { m.locked(func() { life.inside++ }) }
func (m *spoolModel) leave(life *spoolLife) { m.locked(func() { life.inside-- }) }

// tell notes a report.
func (m *spoolModel) tell(life *spoolLife, d altertable.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if life.dead {
		return
	}
	if d.Err == nil {
		life.delivered += int64(d.Count)
	} else {
		life.lost += int64(d.Count)
	}
	payloads := d.Payloads()
	m.unnamed += d.Count - len(payloads)
	if len(payloads) != d.Count && !m.mayLose && !m.mayRepeat && !m.mayNotRead && !life.closing {
		m.complain("a report of %d messages has %d payloads", d.Count, len(payloads))
	}
	for _, payload := range payloads {
		m.tellOfLocked(life, m.messages[numbersIn(payload)[0]], d.Err)
	}
}

func (m *spoolModel) tellOfLocked(life *spoolLife, message *kept, err error) {
	here := false
	for _, l := range message.answered {
		here = here || l == life.number
	}
	switch {
	case err == nil && !here:
		m.complain("#%d is reported as delivered, and was not", message.number)
	case err != nil && here && !message.repeats:
		m.complain("#%d is reported as lost, and was delivered: %v", message.number, err)
	}
	for _, end := range message.told {
		if end.life == life.number || !m.mayRepeat {
			m.complain("#%d has two outcomes, of clients %d and %d: %v, %v", message.number, end.life, life.number, end.err, err)
		}
	}
	message.told = append(message.told, spoolEnd{life.number, err})
}

// acceptedBy returns what a client has accepted so far by calls that returned,
// nothing if Shutdown has begun, after which Flush may return nil at any time.
func (m *spoolModel) acceptedBy(life *spoolLife) (all []*kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range m.messages {
		if message.life == life && message.accepted && !life.closing {
			all = append(all, message)
		}
	}
	return all
}

// flushed checks that a Flush that returned nil has delivered what was accepted before.
func (m *spoolModel) flushed(life *spoolLife, before []*kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if life.dead {
		return
	}
	for _, message := range before {
		message.flushed = true
	}
}

// kill notes that a client dies now.
func (m *spoolModel) kill(life *spoolLife) {
	m.mu.Lock()
	defer m.mu.Unlock()
	life.dead, m.mayRepeat = true, true
	for _, message := range m.messages {
		if message.life == life && life.tainted {
			message.mayLose = true
		}
	}
}

// harm notes that somebody removes or damages a file with these messages.
func (m *spoolModel) harm(numbers []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mayLose = true
	for _, n := range numbers {
		m.messages[n].mayLose = true
	}
	for _, life := range m.lives {
		life.tainted = true
	}
}

// balance checks the books of a client.
func (m *spoolModel) balance(life *spoolLife, s altertable.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Accepted != s.Delivered+s.Failed+s.Dropped+s.Queued || s.Queued < 0 || s.QueuedBytes < 0 || s.QueuedBytes > 0 && s.Queued == 0 {
		m.complain("client %d: the books do not balance: %+v", life.number, s)
	}
}

// end checks what a client that has ended has told.
func (m *spoolModel) end(life *spoolLife, s altertable.Stats) {
	m.balance(life, s)
	m.mu.Lock()
	defer m.mu.Unlock()
	silent := s.Failed + s.Dropped - life.lost
	if s.Delivered != life.delivered || silent < 0 || silent > 0 && !m.mayLose {
		m.complain("client %d: %d told as delivered, %d as lost: %+v", life.number, life.delivered, life.lost, s)
	}
	for _, message := range m.messages {
		if message.life == life && message.accepted && message.flushed && len(message.answered)+len(message.told) == 0 && !m.mayLose && m.unnamed == 0 {
			m.complain("Flush of client %d returned nil, and #%d has no outcome", life.number, message.number)
		}
	}
	for _, message := range m.messages { // what was written to a harmed file later may be lost, too
		if message.life == life && life.tainted {
			message.mayLose = true
		}
	}
	if s.Accepted < life.accepted {
		m.complain("client %d: %d calls returned nil: %+v", life.number, life.accepted, s)
	}
}

// finish checks that each accepted message has its outcome.
func (m *spoolModel) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	missing := 0
	for _, message := range m.messages {
		if !message.accepted || len(message.answered) > 0 || len(message.told) > 0 {
			continue
		}
		if missing++; !message.mayLose && missing > m.unnamed {
			m.complain("#%d of client %d is lost in silence", message.number, message.life.number)
		}
	}
}

func (m *spoolModel) verdict() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.violation
}

// A spoolServer answers all clients.
type spoolServer struct {
	model *spoolModel

	mu      sync.Mutex
	weather weather
	seed    uint64
	count   uint64
}

func (s *spoolServer) set(w weather) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.weather = w
}

// next returns what a request meets, and a number for it.
func (s *spoolServer) next() (weather, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	x := (s.seed + s.count) * 0x9e3779b97f4a7c15
	x ^= x >> 29
	w := s.weather
	if w == changeable {
		w = []weather{fine, fine, sluggish, unavailable, limited, reset, unknownKey, nowhere, turnedAway}[x%9]
	}
	latency := time.Duration(x>>8%150_000_000) + 1
	if w == sluggish {
		latency *= 20
	}
	return w, latency
}
