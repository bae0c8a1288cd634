package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A reject is a line of the file of rejects.
type reject struct {
	Endpoint string          `json:"endpoint"`
	Message  json.RawMessage `json:"message"`
	Reason   string          `json:"reason"`
	Row      int64           `json:"row"`
	File     string          `json:"file,omitempty"`
}

func (w *world) rejects(path string) (all []reject) {
	w.t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(w.read(path))); lines.Scan(); {
		var r reject
		require.NoError(w.t, json.Unmarshal(lines.Bytes(), &r), "%s", lines.Text())
		assert.NotEmpty(w.t, r.Reason)
		assert.NotContains(w.t, r.Reason, canary)
		all = append(all, r)
	}
	return all
}

// faulty has a row for each fault, and the person who mends it.
const faulty = `event,distinct_id,timestamp,n
page_viewed,zq7x-u1,2024-03-01T08:00:00Z,0
page_viewed,,2024-03-01T08:00:01Z,1
page_viewed,null,2024-03-01T08:00:02Z,2
page_viewed,zq7x-u1,zq7x yesterday,3
page_viewed,zq7x-u1,,4
,zq7x-u1,2024-03-01T08:00:05Z,5
page_viewed,zq7x-u1,2024-03-01T08:00:06Z,6
page_viewed,zq7x-u1,2024-03-01T08:00:07Z,7,zq7x more
page_viewed,zq7x-u1
page_viewed,zq7x-u1,12024-03-01T08:00:09Z,9
page_viewed,zq7x-u1,2024-03-01T08:00:10Z,10
`

// What is refused is in a file. Mended, it is imported by the same command.
func TestMendedRejects(t *testing.T) {
	w := newWorld(t)
	source := w.file("faulty.csv", faulty)
	path := source + ".rejects.ndjson"
	r := w.run(source)
	require.Equal(t, 2, r.code, tail(r.said()))
	assert.Contains(t, r.said(), path, "where the rejects are")
	assert.True(t, r.report.Finished)
	assert.EqualValues(t, 11, r.report.Rows)
	assert.EqualValues(t, 3, r.report.Delivered)
	assert.EqualValues(t, 8, r.report.refused())
	w.require(t, map[id]bool{{"track", 0}: true, {"track", 6}: true, {"track", 10}: true}, 0)

	again := w.run(source)
	assert.Equal(t, 2, again.code, "its refused rows are still there")
	assert.Equal(t, r.report.Rejected, again.report.Rejected)
	rejects := w.rejects(path)
	require.Len(t, rejects, 8, "they are not written again")

	var mended strings.Builder
	for _, r := range rejects {
		mended.WriteString(w.mend(r) + "\n")
	}
	mendedPath := w.file("mended.ndjson", mended.String())
	last := w.ok(mendedPath)
	assert.EqualValues(t, 8, last.report.Delivered)
	v := w.verdict(numbered("track", 11))
	v.noIDs = 0 // messages are sent as somebody has written them
	assert.Equal(t, verdict{}, v)
}

// mend returns the line with a message that can be sent, as somebody with an editor
// would leave it: the reason and the row stay.
func (w *world) mend(r reject) string {
	w.t.Helper()
	message := map[string]any{}
	if err := json.Unmarshal(r.Message, &message); err != nil {
		var text string // of a torn line
		require.NoError(w.t, json.Unmarshal(r.Message, &text), "%s", r.Message)
		assert.Contains(w.t, text, canary+"-u1")
	}
	properties, ok := message["properties"].(map[string]any)
	if !ok {
		properties = map[string]any{}
		message["properties"] = properties
	}
	properties["n"] = r.Row - 1
	message["event"], message["distinct_id"] = "page_viewed", canary+"-u1"
	message["timestamp"] = fmt.Sprintf("2024-03-01T09:00:%02dZ", r.Row)
	r.Endpoint = "track"
	var err error
	r.Message, err = json.Marshal(message)
	require.NoError(w.t, err)
	line, err := json.Marshal(r)
	require.NoError(w.t, err)
	return string(line)
}

// A file of rejects that nobody has mended is refused again, with the same rows.
func TestRejectsAsTheyAre(t *testing.T) {
	w := newWorld(t)
	first := w.file("faulty.csv", faulty)
	require.Equal(t, 2, w.run(first).code)
	before := w.stored()
	second := first + ".rejects.ndjson"
	r := w.run(second)
	assert.Equal(t, 2, r.code, tail(r.said()))
	assert.Equal(t, before, w.stored())
	assert.EqualValues(t, 8, r.report.refused())
	assert.Len(t, w.rejects(second+".rejects.ndjson"), 8)
}

// The SDK's dead letters are imported as they are.
func TestDeadLetters(t *testing.T) {
	w := newWorld(t)
	var lines strings.Builder
	add := func(endpoint, message string) {
		line, err := json.Marshal(altertable.Raw{Endpoint: endpoint, JSON: json.RawMessage(message)})
		require.NoError(t, err)
		lines.Write(append(line, '\n'))
	}
	add("track", `{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-03-01T08:00:00.000Z","environment":"staging","properties":{"n":0,"big":12345678901234567890,"$lib":"altertable-go"}}`)
	add("identify", `{"distinct_id":"zq7x-u1","timestamp":"2024-03-01T08:00:00.000Z","environment":"production","traits":{"n":0},"anonymous_id":"anonymous-zq7x"}`)
	add("identify", `{"distinct_id":"zq7x-u1","timestamp":"2024-03-01T09:00:00.000Z","environment":"production","traits":{"n":1}}`)
	add("alias", `{"distinct_id":"zq7x-old","new_user_id":"zq7x-new-0","timestamp":"2024-03-01T08:00:00.000Z","environment":"production"}`)
	w.ok(w.file("dead.ndjson", lines.String()))
	require.Equal(t, 4, w.stored())
	e := w.srv.RequireEvent(t, altertabletest.Want{Event: "page_viewed", Environment: "staging"})
	assert.Equal(t, "altertable-go", e.Properties["$lib"], "its own stay")
	assert.Equal(t, "12345678901234567890", fmt.Sprint(e.Properties["big"]))
	person, ok := w.srv.Identity("production", "anonymous-zq7x")
	require.True(t, ok)
	assert.EqualValues(t, 1, person.Traits["n"])
}

// What the API refuses alone is a reject as well; all others arrive.
func TestRefusedByTheServer(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(2500, 0, 0)
	w.srv.Always(altertabletest.Status(422).MatchBody(func(body []byte) bool { return strings.Contains(string(body), `"n":1234,`) }))
	source := w.file("events.ndjson", lines)
	r := w.run(source)
	require.Equal(t, 2, r.code, tail(r.said()))
	rejects := w.rejects(source + ".rejects.ndjson")
	require.Len(t, rejects, 1)
	assert.EqualValues(t, 1235, rejects[0].Row)
	assert.Equal(t, "track", rejects[0].Endpoint)
	delete(rows, id{"track", 1234})
	w.require(t, rows, 0)
	assert.EqualValues(t, 2499, r.report.Delivered)

	w.srv.ClearFaults()
	w.ok(source + ".rejects.ndjson")
	w.require(t, numbered("track", 2500), 0)
}

// The rejects of standard input are beside the state, and -rejects says another place.
func TestRejectsElsewhere(t *testing.T) {
	w := newWorld(t)
	r := w.pipe(strings.NewReader(faulty), "-format", "csv", "-state", filepath.Join(w.dir, "input.state"), "-")
	require.Equal(t, 2, r.code, tail(r.said()))
	assert.Len(t, w.rejects(filepath.Join(w.dir, "input.rejects.ndjson")), 8)
	other := filepath.Join(w.dir, "other.ndjson")
	require.Equal(t, 2, w.run("-rejects", other, w.file("faulty.csv", faulty)).code)
	assert.Len(t, w.rejects(other), 8)
}
