package deliver

import (
	"context"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// The platform ignores an identify that is older than the one it has. The client keeps
// those of one person in order, unless it gives a batch up: then the next one goes, and
// what is sent again would come too late. So people's identifies are handed over in
// groups that are batches, and nobody is in two groups at a time.

// people are those whose identifies wait for their outcome.
type people map[string]stay

// A stay is the group that somebody is in, with so many identifies.
type stay struct {
	group int64
	count int
}

// admit reports whether an identify may be in the group.
func (p people) admit(row *record.Row, group int64) bool {
	s, busy := p[row.Person]
	return !busy || s.group == group
}

func (p people) enter(row *record.Row, group int64) {
	if row.Endpoint == record.Identify {
		p[row.Person] = stay{group, p[row.Person].count + 1}
	}
}

func (p people) leave(row *record.Row) {
	if row.Endpoint != record.Identify {
		return
	}
	switch s := p[row.Person]; {
	case s.count > 1:
		p[row.Person] = stay{s.group, s.count - 1}
	default:
		delete(p, row.Person)
	}
}

// maxGroupAge is how long a group grows. It is below the time after which the client
// lets a batch go.
const maxGroupAge = 500 * time.Millisecond

// A group is the identifies that the client is to send as one batch.
type group struct {
	number int64
	count  int
	bytes  int
	begun  time.Time
}

// isFull reports whether a message of this size may be in another batch.
func (g *group) isFull(size, batchSize int) bool {
	return g.count > 0 && (g.count >= batchSize || g.bytes+size > record.RequestBytes*9/10 || time.Since(g.begun) > maxGroupAge)
}

// makeRoom begins another group if the row may not be in this one's batch, and lets
// that go.
func (r *run) makeRoom(row *record.Row) {
	if r.endpoint != record.Identify {
		return
	}
	size := record.RequestBytes / 2 // of one that is sent again, most likely
	if row != nil {
		size = len(row.Message)
	}
	if r.crowd.isFull(size, r.options.batchSize) {
		r.crowd = group{number: r.crowd.number + 1}
		over, cancel := context.WithCancel(r.ctx)
		cancel()
		_ = r.client.Flush(over) // without waiting for it
	}
}

// join notes that a row is in the group.
func (r *run) join(row *record.Row) {
	if row.Endpoint != record.Identify {
		return
	}
	if r.crowd.count == 0 {
		r.crowd.begun = time.Now()
	}
	r.crowd.count++
	r.crowd.bytes += len(row.Message) + 1
}
