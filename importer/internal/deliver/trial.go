package deliver

import (
	"bytes"
	"net/http"
	"time"

	altertable "github.com/altertable-ai/altertable-go"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A message that the server always answers with a 500 looks like an outage: the client
// tries it again and again. It can be told from one: sent in requests of its own, it
// fails, and others are delivered meanwhile. Then it is refused. Where nothing else is
// delivered, it is an outage, and waited for, except where a few messages are all that
// can be sent: the import could wait forever. These are refused after half an hour.
// They can be imported from the file of rejects.

const (
	// patience is how long the client tries. The longest Retry-After that it obeys is
	// over by then.
	patience = 5 * time.Minute
	// maxRounds is how many times a message is tried alone, for patience each.
	maxRounds = 2
	// maxLastRounds is the same for the last few messages, if nothing else can be sent.
	maxLastRounds = 6
	few           = 10
	// maxTrials is how many messages may fail at a time. If more do, that is an outage,
	// although it lets some pass.
	maxTrials = 100
	// atOnce is how far apart requests may be that are sent at the same time. That some
	// are delivered does not show that a batch is at fault which is not: an outage may
	// have begun just then. A message that is tried alone has failed before.
	atOnce = time.Minute
)

// A trial is what is known of a message that the client gave up after patience.
type trial struct {
	suspect   bool  // others went on to be delivered
	answered  bool  // the last attempt was, with what may be the message's fault
	sent      bool  // a request carried it
	unknown   bool  // a request that carried it failed, and may have stored it
	alone     bool  // it is sent in requests of its own
	rounds    int   // alone, with such answers
	witnessed bool  // others were delivered during one of them
	before    int64 // messages delivered when the client first gave it up
}

// mayPass reports whether an answer is one after which the client tries again.
func mayPass(err error) bool {
	answer, ok := err.(*altertable.APIError)
	if !ok {
		return false
	}
	switch status := answer.StatusCode; {
	case status >= http.StatusInternalServerError:
		return true
	case status < http.StatusMultipleChoices: // a page that is not the API's
		return answer.Code == "" && bytes.HasPrefix(bytes.TrimSpace(answer.Body), []byte("<"))
	case status == http.StatusForbidden:
		return answer.Code == "" // a firewall's
	default:
		return status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests
	}
}

// tryAgainLocked has a message sent again that the client has tried for patience, or
// refuses it.
func (l *ledger) tryAgainLocked(c *current, row *record.Row, err error) {
	t := l.trials[row.Position]
	if t == nil {
		t = &trial{before: l.arrived}
		l.trials[row.Position] = t
	}
	begun := time.Now().Add(-c.Duration) // the first request
	answer := answerOf(err)
	t.answered = answer != nil && mayPass(answer) && answer.StatusCode != http.StatusTooManyRequests
	t.sent = t.sent || c.Attempts > 0
	t.unknown = t.unknown || c.Attempts > 0 && (answer == nil || t.answered)
	switch {
	case c.Attempts == 0:
	case t.alone && t.answered:
		t.rounds++
		t.witnessed = t.witnessed || l.success.After(begun.Add(-atOnce))
	default:
		t.suspect = t.suspect || l.success.After(begun.Add(atOnce))
	}
	switch {
	case !t.answered:
		l.sendAgainLocked(row)
	case t.rounds >= maxRounds && t.witnessed && l.areFewLocked(t):
		l.giveUpLocked(row, reasonOf(err)+", again and again, and took other messages meanwhile")
	case t.rounds >= maxLastRounds && answer.StatusCode >= http.StatusInternalServerError && l.isLastLocked(row):
		l.giveUpLocked(row, reasonOf(err)+", again and again, and there was nothing else to be sent")
	default:
		l.sendAgainLocked(row)
	}
}

// areFewLocked reports whether those that fail are few, and fewer than the others.
func (l *ledger) areFewLocked(t *trial) bool {
	return len(l.trials) <= maxTrials && l.arrived-t.before >= int64(len(l.trials))
}

// giveUpLocked refuses a row that the server fails on.
func (l *ledger) giveUpLocked(row *record.Row, reason string) {
	l.refuseLocked(row, reason, refused)
}

// isLastLocked reports whether a row that has just been given up is among a few that
// all others wait for. The same person's identifies wait for it.
func (l *ledger) isLastLocked(row *record.Row) bool {
	others := l.pending + l.handed
	for _, r := range l.again {
		if r.Endpoint != record.Identify || r.Person != row.Person {
			others++
		}
	}
	return l.stuck && others < few
}

// isolateLocked reports whether a row that is sent again is to be in a request of its
// own: when it may be the cause of its batch's failure.
func (l *ledger) isolateLocked(row *record.Row) bool {
	t := l.trials[row.Position]
	return t != nil && (t.alone || t.suspect || l.stuck && t.answered && t.sent)
}

// beginTrialLocked notes that a row is sent again.
func (l *ledger) beginTrialLocked(row *record.Row, alone bool) {
	t := l.trials[row.Position]
	if t == nil {
		return
	}
	t.alone = alone
	if t.sent {
		l.repeatedLocked(row.Position)
	}
}

// isAlone reports whether a row is to be in a request of its own.
func (l *ledger) isAlone(row *record.Row) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.trials[row.Position]
	return t != nil && t.alone
}

// unsureTrialsLocked returns how many messages wait to be sent again that may have
// arrived, and do not count as such.
func (l *ledger) unsureTrialsLocked() (n int64) {
	for _, row := range l.again {
		if t := l.trials[row.Position]; t != nil && t.sent && !l.slots[row.Position-l.base].doubted {
			n++
		}
	}
	return n
}
