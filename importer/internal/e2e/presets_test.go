package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The fixtures are those of package preset, which looks at each column. Here it is
// what arrives: events in the order of time, and who people are in the end.
var presets = map[string]struct {
	file    string
	events  []string // time, name, distinct_id, and whose it is
	people  []string // id, anonymous ids, former ids, the trait plan
	refused int64
}{
	"segment": {
		"segment/calls.ndjson",
		[]string{
			"08:00:00.120 $pageview anon_7 u_42", "08:06:00.000 checkout_completed u_42 u_42", "08:07:00.000 $screen anon_8 anon_8",
			"08:11:00.000 signed_up anon_9 anon_9", "08:12:00.000 plan_upgraded 42 42",
		},
		[]string{"u_42 [anon_7] [crm_9] free"}, 7,
	},
	"rudderstack": {
		"rudderstack/calls.ndjson",
		[]string{"08:00:00.120 $pageview anon_7 u_42", "08:06:00.000 checkout_completed u_42 u_42", "08:07:00.000 $screen anon_8 anon_8"},
		[]string{"u_42 [anon_7] [crm_9] free", "u_43 [] [] team"}, 2,
	},
	"posthog": {
		"posthog/events.ndjson",
		[]string{
			"08:00:00.120 $pageview anon_7 u_42", "08:06:00.000 checkout_completed u_42 u_42", "08:07:00.000 checkout_completed u_42 u_42",
			"08:10:00.000 $feature_flag_called u_42 u_42", "08:12:00.000 report_opened u_50 u_50", "08:13:00.000 report_opened u_50 u_50",
			"08:15:00.000 no_properties u_52 u_52", "08:16:00.000 as_text u_52 u_52",
		},
		[]string{"u_42 [anon_7] [crm_9] team", "u_50 [] [u_51] pro"}, 3,
	},
	"mixpanel": {
		"mixpanel/events.ndjson",
		[]string{
			"08:00:00.000 $pageview $device:dev_3 u_42", "08:05:00.500 signed_up u_42 u_42", "08:06:00.123 checkout_completed u_42 u_42",
			"08:06:40.000 shared_device u_43 u_43", "08:06:41.000 shared_device u_44 u_44", "08:06:46.000 as_text u_42 u_42",
		},
		[]string{"u_42 [$device:dev_3] [] <nil>", "u_45 [0f8fad5b-d9cb-469f-a165-70867728950e] [] <nil>", "u_46 [] [anon_7] <nil>", "u_47 [] [crm_9] <nil>", "u_48 [] [crm_10] <nil>"}, 4,
	},
	"amplitude": {
		"amplitude/events.json.gz",
		[]string{
			"08:00:00.120 $pageview dev_3 u_42", "08:05:00.000 signed_up u_42 u_42", "08:06:00.000 checkout_completed u_42 u_42",
			"08:08:00.000 report_opened u_42 u_42", "08:10:00.000 shared_device u_43 u_43", "08:11:00.000 shared_device u_44 u_44",
		},
		[]string{"u_42 [dev_3] [] pro", "u_44 [] [] team"}, 3,
	},
}

func TestPresets(t *testing.T) {
	for name, c := range presets {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.secrets = append(w.secrets, "ada@example.com", "u_42", "anon_7", "203.0.113.7")
			args := []string{"-preset", name, w.fixture(c.file)}
			r := w.run(args...)
			require.Equal(t, 2, r.code, tail(r.said()))
			assert.Equal(t, c.refused, r.report.refused(), "%v", r.report.Rejected)
			assert.Equal(t, c.events, w.whatHappened())
			assert.Equal(t, c.people, w.whoIsThere())
			w.samePrinted(t, args)
		})
	}
}

// samePrinted imports once more, with the SQL that -print-sql prints.
func (w *world) samePrinted(t *testing.T, args []string) {
	t.Helper()
	events, people := w.whatHappened(), w.whoIsThere()
	printed := w.run(append([]string{"-print-sql"}, args...)...)
	require.Zero(t, printed.code, tail(printed.said()))
	w.srv.Reset()
	r := w.run("-sql", printed.stdout, "-state", filepath.Join(w.dir, "printed.state"))
	require.Equal(t, 2, r.code, tail(r.said()))
	assert.Equal(t, events, w.whatHappened())
	assert.Equal(t, people, w.whoIsThere())
}

// fixture copies a file, so that what is written beside it is not in the repository.
func (w *world) fixture(name string) string {
	w.t.Helper()
	from, err := os.Open(filepath.Join("..", "..", "testdata", filepath.FromSlash(name)))
	require.NoError(w.t, err)
	defer from.Close()
	path := filepath.Join(w.dir, filepath.Base(name))
	to, err := os.Create(path)
	require.NoError(w.t, err)
	defer to.Close()
	_, err = io.Copy(to, from)
	require.NoError(w.t, err)
	return path
}

func (w *world) whatHappened() (events []string) {
	for _, e := range w.srv.Events() {
		events = append(events, fmt.Sprintf("%s %s %s %s", e.Timestamp.Format("15:04:05.000"), e.Event, e.DistinctID, e.IdentityID))
	}
	slices.Sort(events) // batches of tracks may overtake one another
	return events
}

func (w *world) whoIsThere() (people []string) {
	for _, p := range w.srv.Identities() {
		people = append(people, fmt.Sprintf("%s %v %v %v", p.DistinctID, p.AnonymousIDs, p.Aliases, p.Traits["plan"]))
	}
	return people
}
