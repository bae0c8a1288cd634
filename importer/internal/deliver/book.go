package deliver

import (
	"maps"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/reject"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

const (
	// maxReasons are told apart; an API may have a new one for each message.
	maxReasons   = 100
	otherReasons = "for other reasons"
)

// A book writes what has happened into the files: first the rejects, then the
// note that counts them, so that a note is never ahead of them.
type book struct {
	rejects *reject.File // the keeper's; nil: rejects are counted alone

	mu      sync.Mutex // guards what follows
	state   *state.State
	sums    state.Note // without Done
	earlier int64
	before  float64 // seconds of earlier runs
	began   time.Time
	err     error // of the first time that nothing could be written
}

// newBook opens the book where the runs before have left it. What they have sent
// without an outcome may be delivered twice from now on.
func newBook(st *state.State, rejects *reject.File) *book {
	b := &book{rejects: rejects, state: st, sums: st.Last(), began: time.Now()}
	b.earlier, b.before = b.sums.Delivered, b.sums.Seconds
	if rejects != nil && rejects.Size() < b.sums.Rejects { // a new file
		b.sums.Rejects, b.sums.RejectsSum = 0, ""
	}
	if b.sums.Rejected == nil {
		b.sums.Rejected = make(map[string]int64)
	}
	return b
}

// begin notes that the run begins.
func (b *book) begin(c chain) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sums.Twice += b.state.Unsure()
	b.sums.Unsure, b.sums.Issued = 0, b.state.Next()
	b.sums.Chain = c.String()
	return b.noteLocked(nil)
}

// issue notes that positions below limit may be sent from now on.
func (b *book) issue(limit int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sums.Issued = limit
	return b.noteLocked(nil)
}

// enter notes what has happened. The keeper calls it, and Run when that has ended.
func (b *book) enter(t taken) error {
	if t.isEmpty() {
		return nil
	}
	err := b.beginRejects(len(t.rejects))
	if err == nil {
		err = b.keepRejects(t.rejects)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	if b.err != nil {
		return b.err
	}
	if b.rejects != nil {
		b.sums.Rejects, b.sums.RejectsSum = b.rejects.Size(), b.rejects.Sum()
	}
	for i := range t.rejects {
		b.countLocked(&t.rejects[i])
	}
	b.sums.Delivered += t.delivered
	b.sums.Bytes += t.bytes
	b.sums.Twice += t.twice
	b.sums.Chain = t.chain
	return b.noteLocked(t.done)
}

// beginRejects notes that the file of rejects is about to get its first line. What
// is in it before that is not this import's.
func (b *book) beginRejects(n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n == 0 || b.rejects == nil || b.sums.RejectsSum != "" {
		return nil
	}
	b.sums.RejectsSum = b.rejects.Sum()
	return b.noteLocked(nil)
}

// keepRejects writes the rejects for good: no power cut may leave a note that counts
// more than there is.
func (b *book) keepRejects(rows []record.Row) error {
	if b.rejects == nil || len(rows) == 0 {
		return nil
	}
	if err := b.rejects.Add(rows...); err != nil {
		return err
	}
	return b.rejects.Sync()
}

func (b *book) countLocked(row *record.Row) {
	reason := row.Reason
	if _, known := b.sums.Rejected[reason]; !known && len(b.sums.Rejected) >= maxReasons {
		reason = otherReasons
	}
	b.sums.Rejected[reason]++
}

// end notes how the run ends: no position is under way, and of so many messages it
// is not known whether they have arrived.
func (b *book) end(unsure int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sums.Unsure, b.sums.Issued = unsure, b.state.Next()
	return b.noteLocked(nil)
}

func (b *book) noteLocked(done []state.Range) error {
	if b.err != nil {
		return b.err
	}
	b.sums.Seconds = b.before + time.Since(b.began).Seconds()
	b.sums.Done = done
	b.err = b.state.Note(b.sums)
	return b.err
}

// done returns how many positions have an outcome, refused how many are refused.
func (b *book) done() int64 { return b.sums.Delivered + b.refused() }

func (b *book) refused() (n int64) {
	for _, count := range b.sums.Rejected {
		n += count
	}
	return n
}

func (b *book) result(finished bool) Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Result{
		Delivered: b.sums.Delivered, Earlier: b.earlier, Rejected: maps.Clone(b.sums.Rejected),
		Duplicates: b.sums.Twice, Bytes: b.sums.Bytes, Seconds: b.sums.Seconds, Finished: finished,
	}
}
