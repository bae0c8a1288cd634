package server

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClear(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	r := startLocal(t, Config{Data: file})
	r.track("e", `"distinct_id":"anonymous-1"`)
	r.post("/identify", `{"environment":"production","distinct_id":"u_1","anonymous_id":"anonymous-1"}`)
	l := listen(r)
	_, u := l.next()
	require.Len(t, u.Events, 1)
	status, body := r.do(http.MethodPost, "/console/clear", "")
	assert.Equal(t, http.StatusNoContent, status, body)
	name, u := l.until(func(_ string, u update) bool { return u.Stored == 0 })
	assert.Equal(t, "snapshot", name)
	assert.Equal(t, update{Events: []shownEvent{}, Identities: []shownIdentity{}, Requests: []shownRequest{},
		Names: []string{}, Environments: []string{"production"}, Hints: []hintCount{}}, u)
	assert.JSONEq(t, `[[0, 0]]`, r.rows(`SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM identities)`))
	assert.Empty(t, r.api.Identities())
	assert.Empty(t, get[story](r, storyPath("production", "u_1")).Steps)
	status, _ = r.do(http.MethodGet, "/console/events/1", "")
	assert.Equal(t, http.StatusNotFound, status)

	r.track("later", `"distinct_id":"anonymous-1"`)
	_, u = l.until(func(_ string, u update) bool { return u.Stored == 1 })
	require.Len(t, u.Events, 1)
	assert.Equal(t, int64(2), u.Events[0].Number, "no number means two events")
	assert.Equal(t, "anonymous-1", u.Events[0].IdentityID, "nobody is known any more")
	r.stop()
	r = startLocal(t, Config{Data: file})
	assert.JSONEq(t, `[["later"]]`, r.rows(`SELECT event FROM events`))
	_, u = listen(r).next()
	assert.Equal(t, "later", eventNames(u.Events))
}

// Whatever comes while all is forgotten: console, SQL and API agree afterwards.
func TestClearWhileTrafficGoesOn(t *testing.T) {
	r := startLocal(t, Config{})
	l := listen(r)
	go func() { // reads, so that the stream goes on
		for l.lines.Scan() {
		}
	}()
	var senders sync.WaitGroup
	for sender := range 4 {
		senders.Go(func() {
			for n := range 100 {
				r.post("/track", fmt.Sprintf(`{"environment":"production","event":"e","distinct_id":"a-%d-%d","properties":{}}`, sender, n))
				r.post("/identify", fmt.Sprintf(`{"environment":"production","distinct_id":"u_%d","anonymous_id":"a-%d-%d"}`, n%10, sender, n))
			}
		})
	}
	for range 20 {
		r.post("/console/clear", "")
	}
	senders.Wait()
	_, u := listen(r).next()
	assert.JSONEq(t, fmt.Sprintf(`[[%d, %d]]`, u.Stored, u.People), r.rows(`SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM identities)`))
	assert.Len(t, r.api.Identities(), u.People)
	r.post("/console/clear", "")
	_, u = listen(r).next()
	assert.Zero(t, u.Stored)
	assert.JSONEq(t, `[[0, 0]]`, r.rows(`SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM identities)`))
}
