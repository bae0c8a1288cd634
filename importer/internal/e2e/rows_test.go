package e2e

import (
	"fmt"
	"strings"
	"time"
)

// epoch is the time of the first row of a mix.
var epoch = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

// mix returns lines of JSON: tracks, and people who change and are linked. They are in
// no order, as in an export; each person's identifies are, and some are of one instant.
func mix(tracks, identifies, aliases int) (lines string, rows map[id]bool) {
	var b strings.Builder
	rows = map[id]bool{}
	people := max(1, identifies/4)
	for n := range identifies {
		at := epoch.Add(time.Duration(n/people/2) * time.Hour)
		fmt.Fprintf(&b, `{"endpoint":"identify","distinct_id":"%s-u%d","timestamp":"%s","traits":{"n":%d,"plan":"%s-pro"}}`+"\n",
			canary, n%people, stamp(at), n, canary)
		rows[id{"identify", n}] = true
	}
	for n := range tracks {
		at := epoch.Add(time.Duration(n*7919%86_400) * time.Second)
		fmt.Fprintf(&b, `{"endpoint":"track","event":"page_viewed","distinct_id":"%s-u%d","timestamp":"%s","n":%d,"note":"%s äöü \u00e9 %d","nested":{"a":[1,2.50,null]}}`+"\n",
			canary, n%997, stamp(at), n, canary, n)
		rows[id{"track", n}] = true
	}
	for n := range aliases {
		fmt.Fprintf(&b, `{"endpoint":"alias","distinct_id":"%s-old%d","new_user_id":"%s-u-%d","timestamp":"%s"}`+"\n",
			canary, n, canary, n, stamp(epoch))
		rows[id{"alias", n}] = true
	}
	return b.String(), rows
}

func stamp(at time.Time) string { return at.Format("2006-01-02T15:04:05.000Z07:00") }

// numbered are the ids of n rows of an endpoint.
func numbered(endpoint string, n int) map[id]bool {
	rows := map[id]bool{}
	for i := range n {
		rows[id{endpoint, i}] = true
	}
	return rows
}
