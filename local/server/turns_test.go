package server

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns turns
		var mu sync.Mutex // two may have their answers at once
		var order []string
		releases := map[string]func(){}
		take := func(name string, places int, urgent bool, done <-chan struct{}) {
			go func() {
				release, ok := turns.take(places, urgent, done)
				mu.Lock()
				defer mu.Unlock()
				if ok {
					order, releases[name] = append(order, name), release
				} else {
					order = append(order, name+" gave up")
				}
			}()
			synctest.Wait()
		}
		done := make(chan struct{})
		take("first", 1, false, nil)
		take("second", 1, false, nil)
		take("alone", readers, false, nil)
		take("third", 1, false, nil)
		take("impatient", readers, false, done)
		take("urgent", readers, true, nil)
		assert.Equal(t, []string{"first", "second"}, order, "what waits for all keeps others from it")
		close(done)
		synctest.Wait()
		releases["first"]()
		synctest.Wait()
		assert.Equal(t, []string{"first", "second", "impatient gave up"}, order)
		for _, next := range []string{"second", "urgent", "alone", "third"} {
			releases[next]()
			synctest.Wait()
		}
		assert.Equal(t, []string{"first", "second", "impatient gave up", "urgent", "alone", "third"}, order)
		assert.Zero(t, turns.taken)

		// Who gives up keeps nobody from his turn.
		take("fourth", 1, false, nil)
		gone := make(chan struct{})
		take("gone", readers, false, gone)
		take("fifth", 1, false, nil)
		close(gone)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"fourth", "gone gave up", "fifth"}, order[6:])
		releases["fourth"]()
		releases["fifth"]()
		assert.Zero(t, turns.taken)
	})
}
