package altertable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go"
)

// A scribe tells an oracle what happened, in few words.
type scribe struct{ *oracle }

func (w scribe) accept(people ...person) {
	for _, p := range people {
		w.returned(nil, w.call(p, false))
	}
}

func (w scribe) sends(numbers ...int) *attempt {
	return w.sendsStamped(func(n int) int { return n }, numbers...)
}

// sendsStamped lets a request begin whose messages have stamps of their own.
func (w scribe) sendsStamped(stamp func(n int) int, numbers ...int) *attempt {
	var body strings.Builder
	for _, n := range numbers {
		fmt.Fprintf(&body, `{"n":%q,"timestamp":"2000-01-01T00:00:%02dZ"}`, mark(n), stamp(n))
	}
	return w.begin(context.Background(), w.generation, []byte(body.String()))
}

// answers ends a request whose work is done with an answer, 0 for none.
func (w scribe) answers(a *attempt, status int) {
	w.apply(a)
	w.end(a, status)
}

func (w scribe) delivers(numbers ...int) {
	w.answers(w.sends(numbers...), 200)
	w.tell(w.generation, nil, numbers...)
}

var (
	ada   = person{"production", "A", ""}
	adaX  = person{"production", "A", "x"}
	bobX  = person{"production", "B", "x"}
	bob   = person{"production", "B", ""}
	adaAt = person{"staging", "A", ""}

	errLost = errors.New("lost")
)

// A history, and how the violation in it begins; empty if there is none.
type history struct {
	happens   func(w scribe)
	violation string
}

func TestOracleKnowsGoodOrder(t *testing.T) {
	checkVerdicts(t, map[string]history{
		"in order": {func(w scribe) {
			w.accept(ada, adaX, bobX, bob)
			w.delivers(0, 1)
			w.delivers(2)
			w.delivers(3)
		}, ""},
		"disjoint people overlap": {func(w scribe) {
			w.accept(ada, bob, adaAt)
			b, at := w.sends(1), w.sends(2)
			w.delivers(0)
			w.answers(b, 200)
			w.answers(at, 200)
			w.tell(0, nil, 1, 2)
		}, ""},
		"given up, and the next is sent before that is reported": {func(w scribe) {
			w.accept(ada, ada)
			w.end(w.sends(0), 503)
			next := w.sends(1)
			w.tell(0, errLost, 0)
			w.answers(next, 200)
			w.tell(0, nil, 1)
		}, ""},
		"a retry after the answer was lost": {func(w scribe) {
			w.accept(ada, ada)
			w.answers(w.sends(0, 1), 0)
			w.delivers(0, 1)
		}, ""},
		"calls at one time, in either order": {func(w scribe) {
			first, second := w.call(ada, false), w.call(ada, false)
			w.returned(nil, first, second)
			w.answers(w.sendsStamped(func(n int) int { return 9 - n }, 1, 0), 200)
			w.tell(0, nil, first, second)
		}, ""},
		"a synchronous call that ended": {func(w scribe) {
			n := w.call(ada, true)
			w.linedUp(n)
			w.accept(ada)
			w.returned(errLost, n)
			w.delivers(1)
		}, ""},
		"a delivered one is repeated after the client's death": {func(w scribe) {
			w.accept(ada, ada)
			w.delivers(0)
			w.sends(1)
			w.kill()
			w.delivers(0, 1)
		}, ""},
	})
}

func TestOracleKnowsBadOrder(t *testing.T) {
	checkVerdicts(t, map[string]history{
		"overtaken in the next request": {func(w scribe) {
			w.accept(ada, ada)
			w.end(w.sends(0), 503)
			w.delivers(1)
			w.delivers(0)
		}, "#0 is sent after #1"},
		"overtaken before it was sent": {func(w scribe) {
			w.accept(ada, ada)
			w.delivers(1)
			w.delivers(0)
		}, "#0 is sent after #1"},
		"overtaken through an anonymous id": {func(w scribe) {
			w.accept(adaX, bobX)
			w.delivers(1)
			w.delivers(0)
		}, "#0 is sent after #1"},
		"both in flight": {func(w scribe) {
			w.accept(ada, ada)
			w.sends(0)
			w.sends(1)
		}, "#1 is sent while request 0 still carries #0"},
		"both in flight, in an order that nobody knows": {func(w scribe) {
			w.call(ada, false)
			w.call(ada, false)
			w.sends(1)
			w.sendsStamped(func(int) int { return 9 }, 0)
		}, "#0 is sent while request 0 still carries #1"},
		"in one request": {func(w scribe) {
			w.accept(ada, bob, ada)
			w.sends(2, 1, 0)
		}, "#2 stands before #0"},
		"overtaken, and given up later": {func(w scribe) {
			w.accept(ada, ada)
			w.end(w.sends(0), 503)
			w.delivers(1)
			<-time.After(time.Second)
			w.tell(0, errLost, 0)
		}, "#1 was sent while #0, accepted before it, had no outcome"},
		"overtaken by a synchronous call": {func(w scribe) {
			w.accept(ada)
			n := w.call(ada, true)
			w.answers(w.sends(n), 200)
			w.delivers(0)
		}, "#0 is sent after #1"},
		"a synchronous call overtaken": {func(w scribe) {
			n := w.call(ada, true)
			w.linedUp(n)
			w.accept(ada)
			w.delivers(1)
			w.sends(n)
		}, "#0 is sent after #1"},
		"out of the order of stamps": {func(w scribe) {
			w.call(ada, false)
			w.call(ada, false)
			w.delivers(1)
			w.sends(0)
		}, "#0 is sent after one with a later stamp"},
		"the next client sends a later one first": {func(w scribe) {
			w.accept(ada)
			w.sends(0)
			w.kill()
			w.accept(ada)
			w.delivers(1)
			w.delivers(0)
		}, "#0 is sent after #1"},
	})
}

func TestOracleKnowsBadBooks(t *testing.T) {
	checkVerdicts(t, map[string]history{
		"sent twice at once": {func(w scribe) {
			w.accept(ada)
			w.sends(0)
			w.sends(0)
		}, "#0 is carried by two requests"},
		"sent again": {func(w scribe) {
			w.accept(ada)
			w.delivers(0)
			w.sends(0)
		}, "#0 is sent again after it was delivered"},
		"sent after it was given up": {func(w scribe) {
			w.accept(ada)
			w.tell(0, errLost, 0)
			w.sends(0)
		}, "#0 is sent after its outcome"},
		"two outcomes": {func(w scribe) {
			w.accept(ada)
			w.delivers(0)
			w.tell(0, nil, 0)
		}, "#0 has two outcomes"},
		"reported as delivered": {func(w scribe) {
			w.accept(ada)
			w.answers(w.sends(0), 0)
			w.tell(0, nil, 0)
		}, "#0 is reported as delivered, and was not"},
		"reported as lost": {func(w scribe) {
			w.accept(ada)
			w.answers(w.sends(0), 200)
			w.tell(0, errLost, 0)
		}, "#0 is reported as lost, and was delivered"},
		"forgotten": {func(w scribe) {
			w.accept(ada, ada)
			w.delivers(0)
			w.finish(altertable.Stats{Accepted: 1, Delivered: 1})
		}, "#1 has no outcome"},
		"miscounted": {func(w scribe) {
			w.accept(ada)
			w.delivers(0)
			w.finish(altertable.Stats{Accepted: 1, Failed: 1})
		}, "the books do not balance"},
		"refused, and sent": {func(w scribe) {
			w.returned(errLost, w.call(ada, false))
			w.sends(0)
		}, "#0 is sent, though its call returned an error"},
	})
}

func checkVerdicts(t *testing.T, histories map[string]history) {
	t.Helper()
	for name, test := range histories {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := scribe{newOracle()}
				test.happens(w)
				if test.violation == "" {
					assert.Empty(t, w.verdict())
				} else {
					assert.True(t, strings.HasPrefix(w.verdict(), test.violation), w.verdict())
				}
			})
		})
	}
}

func TestOracleTellsTheHistoryOfOnePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := scribe{newOracle()}
		w.accept(ada, bob, ada)
		<-time.After(time.Second)
		w.end(w.sends(0, 1), 503)
		w.sends(2)
		w.sends(0)
		assert.Equal(t, `#0 is sent after #2, which was accepted later
	production distinct A:
	          0s  call returned <nil>: #0
	          0s  call returned <nil>: #2
	          1s  request 0 begins: #0
	          1s  request 0 ends with 503: #0
	          1s  request 1 begins: #2
	          1s  request 2 begins: #0`, w.verdict())
	})
}

// The platform ignores an identify that is older than what it has of a person.
func TestOracleKnowsWhoseTraitsAreLost(t *testing.T) {
	w := scribe{newOracle()}
	w.accept(ada, ada)
	first, second := w.sends(0), w.sends(1)
	w.violation = "" // they overlap
	w.apply(second)
	w.apply(first)
	assert.Contains(t, w.verdict(), "the traits of #0 are lost")
}
