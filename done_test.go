package altertable

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// checkDones checks that every done that was not told is somewhere.
func (c *checker) checkDones() {
	q := c.q
	n := 0
	for _, b := range q.places.allIdle() {
		n += b.dones[min(b.gone, len(b.dones)):].count()
	}
	for e := q.places.inFlight.Front(); e != nil; e = e.Next() {
		b := e.Value.(*batch)
		n += b.dones[min(b.gone, len(b.dones)):].count()
	}
	if d, ok := q.keeper.(*disk); ok {
		n += len(d.dones)
	}
	for i := range q.reports.coming {
		n += q.reports.coming[i].dones.count()
	}
	c.complain(q.reports.pending >= n, "%d dones are pending, and %d are somewhere", q.reports.pending, n)
	if _, ok := q.keeper.(memory); ok && !q.reports.running {
		c.complain(q.reports.pending == n, "%d dones are pending, and %d are somewhere", q.reports.pending, n)
	}
}

func TestDonesGoWithTheirMessages(t *testing.T) {
	var told []string
	tell := func(name string) func(error) { return func(error) { told = append(told, name) } }
	var s series
	for i, name := range []string{"", "b", "", "d", ""} {
		if name != "" {
			s.dones.set(i, tell(name))
		}
		s.add([]byte(`{}`), uint64(i), 0)
	}
	assert.Len(t, s.dones, 4, "the end has none")
	call := func(d dones) []string {
		told = nil
		for i := range s.marks {
			if done := d.at(i); done != nil {
				done(nil)
			} else {
				told = append(told, "")
			}
		}
		return told
	}
	assert.Equal(t, []string{"", "b", "", "d", ""}, call(s.dones))
	fit := s.fitted(1, 3)
	assert.Len(t, fit.dones, 1)
	assert.Equal(t, []string{"b", "", "", "", ""}, call(fit.dones))
	fit = s.fitted(3, 5)
	assert.Equal(t, []string{"d", "", "", "", ""}, call(fit.dones))
	fit = s.fitted(4, 5)
	assert.Nil(t, fit.dones, "nobody waits")
	s.drop(2)
	assert.Equal(t, []string{"", "d", ""}, call(s.dones))
	s.drop(2)
	assert.Nil(t, s.dones)
	s.dones.set(1, tell("f"))
	assert.Equal(t, []string{""}, call(s.dones), "the first of two is not waited for")
}
