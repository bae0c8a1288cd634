package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The verdict sees what it is there for.
func TestVerdict(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	track := func(n int, eventID string) entry { return entry{id: id{"track", n}, eventID: eventID, at: at(n)} }
	identify := func(n, s int) entry { return entry{id: id{"identify", n}, person: "p", at: at(s)} }
	rows := map[id]bool{{"identify", 0}: true, {"identify", 1}: true, {"track", 0}: true, {"track", 1}: true}
	good := []entry{identify(0, 0), identify(1, 1), track(0, "a"), track(1, "b")}
	for name, c := range map[string]struct {
		entries []entry
		want    verdict
	}{
		"all well":            {good, verdict{}},
		"missing":             {good[:3], verdict{missing: 1}},
		"unknown":             {append(good[:4:4], track(7, "c")), verdict{unknown: 1}},
		"twice":               {append(good[:4:4], track(1, "b"), identify(0, 0)), verdict{copies: 2}},
		"twice, another id":   {append(good[:4:4], track(1, "c")), verdict{copies: 1, otherIDs: 1}},
		"one id for two":      {[]entry{good[0], good[1], good[2], track(1, "a")}, verdict{sharedIDs: 1}},
		"no id":               {[]entry{good[0], good[1], good[2], track(1, "")}, verdict{noIDs: 1}},
		"order of a person":   {[]entry{good[1], good[0], good[2], good[3]}, verdict{wrongOrder: 1}},
		"the same instant":    {[]entry{identify(0, 1), identify(1, 1), good[2], good[3]}, verdict{wrongOrder: 1}},
		"order of numbers":    {[]entry{identify(1, 0), identify(0, 1), good[2], good[3]}, verdict{wrongOrder: 1}},
		"tracks before users": {[]entry{good[0], good[2], good[1], good[3]}, verdict{early: 1}},
	} {
		l := &ledger{entries: c.entries}
		assert.Equal(t, c.want, l.verdict(rows), name)
	}
}
