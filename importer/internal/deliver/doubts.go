package deliver

import (
	"net/http"

	altertable "github.com/altertable-ai/altertable-go"
)

// Doubts are about messages that more than one request carried: each may be stored
// twice. A request that was refused has stored nothing, except that one answered 400
// may have stored the messages before the one at fault. So there are no more of them
// than fit the requests of which nobody knows.
type doubts struct {
	repeated int64 // messages that more than one request carried
	ended    int64 // the same, of those that the run's end has left
	taken    int64
	partly   bool // an answer was a 400
}

// answer notes the outcome of a message.
func (d *doubts) answer(err error) {
	if answer := answerOf(err); answer != nil && answer.StatusCode == http.StatusBadRequest {
		d.partly = true
	}
}

// end notes that a message was given up with the run. One that was answered like a
// success is unsure in any case.
func (d *doubts) end(err error, unsure *int64) {
	lost, ok := err.(*altertable.DeliveryError)
	if !ok {
		return
	}
	switch answer := answerOf(err); {
	case answer != nil && answer.StatusCode < http.StatusMultipleChoices:
		*unsure++
	case lost.Attempts > 1:
		d.ended++
	}
}

// failed is how many messages requests carried at most that failed.
type failed struct {
	unknown int64 // nobody knows whether they were stored
	refused int64 // none was, except as with a 400
}

// add adds the requests of a client, of so many messages at most.
func (f *failed) add(s altertable.Stats, batchSize int) {
	f.unknown += (s.RequestsErrored + s.RequestsUnanswered) * int64(batchSize)
	f.refused += s.RequestsRefused * int64(batchSize)
}

// most returns how many messages may have been stored by requests that failed.
func (d *doubts) most(f failed) int64 {
	if d.partly {
		return f.unknown + f.refused
	}
	return f.unknown
}

// take returns how many messages more than before may have been delivered twice.
func (d *doubts) take(f failed) int64 {
	all := max(d.taken, min(d.repeated, d.most(f)))
	more := all - d.taken
	d.taken = all
	return more
}

// answerOf returns the answer that is the cause of err itself, nil if there is none.
func answerOf(err error) *altertable.APIError {
	lost, ok := err.(*altertable.DeliveryError)
	if !ok {
		return nil
	}
	answer, _ := lost.Err.(*altertable.APIError)
	return answer
}
