package message_test

import (
	"bytes"
	"database/sql/driver"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A platform is the server that messages are sent to, one at a time, in the form
// that the client gives them.
type platform struct {
	t      *testing.T
	client *altertable.Client
	server *altertabletest.Server
}

func newPlatform(t *testing.T) *platform {
	client, server := altertabletest.New(t)
	return &platform{t, client, server}
}

// takes reports whether a batch of the one message is stored.
func (p *platform) takes(endpoint string, message []byte) bool {
	p.t.Helper()
	body := append(append([]byte{'['}, message...), ']')
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.server.URL+"/"+endpoint, bytes.NewReader(body))
	require.NoError(p.t, err)
	request.Header.Set("X-API-Key", altertabletest.APIKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := p.server.HTTPClient().Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// assertTaken is for a row that is not refused: the client and the platform have
// to take it.
func (p *platform) assertTaken(r record.Row) {
	p.t.Helper()
	raw, err := p.client.Encode(p.t.Context(), altertable.Raw{Endpoint: r.Endpoint, JSON: r.Message})
	require.NoError(p.t, err, "%s", r.Message)
	require.True(p.t, p.takes(raw.Endpoint, raw.JSON), "%s", r.Message)
}

// odd are values in JSON that somebody may trip over, and some that are none.
var odd = []string{
	`1`, `-0`, `1e400`, `1E308`, `0.1e-999`, `01`, `null`, `true`, `"x"`, `""`, `" "`, `"\u0000"`, `"\ud800"`, `"\ud83d\ude00"`, `"\ude00\ud83d"`,
	`"é"`, "\"\xff\"", `"a\/b"`, `"\x41"`, "\"\t\"", `[]`, `{}`, `[1,[2,{"a":[]}]]`, `{"a":1,"a":2}`, `{"a":{"b":1,"\u0062":2}}`, `{"a":1,}`, `NaN`, `-Infinity`,
	nested(124), nested(125), nested(126), nested(127), `{"a":` + nested(124) + `}`, `{"a":` + nested(125) + `}`, `{"a":` + nested(126) + `}`,
	`"undefined"`, `"2024-01-05"`, `"2024-01-05T10:00:00Z"`, `"2024-01-05 10:00"`, `1704448800`, `1704448800.5`, strings.Repeat("9", 309), strings.Repeat("9", 308),
	`"` + strings.Repeat("é", 1024) + `"`, `"` + strings.Repeat("é", 1025) + `"`, `{"$ip":0}`, `{"$lib":null,"$event_id":7}`, `"{\"a\":1}"`, `{"a":1} {}`,
}

var names = []string{"event", "distinct_id", "anonymous_id", "device_id", "new_user_id", "environment", "timestamp", "properties", "traits",
	"session_id", "a", `a\u0062`, "$ip", "$lib", "$event_id", `\ud800`, "", "é"}

// oddObject is an object that is whole more often than chance would have it.
func oddObject(r *rand.Rand, endpoint string) string {
	members := []string{`"environment":"production"`, `"event":"e"`, `"distinct_id":"u"`, `"timestamp":"2024-01-05T10:00:00.000Z"`, `"properties":{"a":1}`}
	switch endpoint {
	case record.Identify:
		members = []string{`"environment":"production"`, `"distinct_id":"u"`, `"traits":{"a":1}`}
	case record.Alias:
		members = []string{`"environment":"production"`, `"distinct_id":"u"`, `"new_user_id":"v"`}
	}
	for range 1 + r.IntN(2) {
		name := names[r.IntN(len(names))]
		member := `"` + name + `":` + odd[r.IntN(len(odd))]
		replaced := r.IntN(8) == 0
		for i := range members {
			if strings.HasPrefix(members[i], `"`+name+`"`) && !replaced {
				members[i], replaced = member, true
			}
		}
		if !replaced {
			members = append(members, member)
		}
	}
	if r.IntN(10) == 0 {
		i := 1 + r.IntN(len(members)-1) // the client adds an environment
		members = append(members[:i], members[i+1:]...)
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// TestMessageIsRefusedHereOrTaken sends messages that Map passes to the server,
// and those that it refuses as well: what the server refuses, Map has to.
func TestMessageIsRefusedHereOrTaken(t *testing.T) {
	p := newPlatform(t)
	random := rand.New(rand.NewPCG(1, 2))
	columns := []message.Column{col("_message", message.Message), col("endpoint", message.Endpoint)}
	m := message.New(columns, message.Options{})
	passed, refused := 0, 0
	for range 2000 {
		endpoint := []string{record.Track, record.Identify, record.Alias}[random.IntN(3)]
		text := oddObject(random, endpoint)
		r := m.Map([]driver.Value{text, endpoint})
		assertValid(t, r.Message)
		if r.Reason == "" {
			passed++
			p.assertTaken(r.Row)
		} else if !p.takes(endpoint, []byte(text)) {
			refused++
		}
	}
	assert.Greater(t, passed, 500)
	assert.Greater(t, refused, 200)
}

func TestRowOfOddJSONIsRefusedOrTaken(t *testing.T) {
	p := newPlatform(t)
	random := rand.New(rand.NewPCG(3, 4))
	columns := []message.Column{col("_json", message.JSON), col("timestamp", message.Timestamp), col("a", message.Other), col("properties", message.Properties)}
	columns[2].Numeric = true
	passed, refused := 0, 0
	for _, as := range []string{record.Track, record.Identify, record.Alias} {
		m := message.New(columns, message.Options{As: as})
		for range 600 {
			values := []driver.Value{oddObject(random, as), at, nil, nil}
			if random.IntN(4) == 0 {
				values[2] = odd[random.IntN(len(odd))]
			}
			if random.IntN(4) == 0 {
				values[3] = odd[random.IntN(len(odd))]
			}
			r := m.Map(values)
			assertValid(t, r.Message)
			if r.Reason == "" {
				passed++
				p.assertTaken(r.Row)
			} else {
				refused++
			}
		}
	}
	assert.Greater(t, passed, 500)
	assert.Greater(t, refused, 200)
}

func TestTypedRowsAreTaken(t *testing.T) {
	p := newPlatform(t)
	d := newDatabase(t)
	columns, rows := d.query(`SELECT i AS distinct_id, 'e' || i AS event, 1704448800000000 + i AS timestamp,
		i::DOUBLE / 7 AS f, i::DECIMAL(38, 20) / 3 AS d, chr(i + 1) AS t, [NULL, chr(i)] AS l, MAP {chr(i + 1): i} AS m,
		TIMESTAMP '2024-01-05' + to_minutes(i) AS ts, to_seconds(i - 100) AS iv, i::VARCHAR::BLOB AS b, {'a"': i} AS s
		FROM (SELECT i::INT AS i FROM range(1, 200) r(i))`)
	for i, role := range []message.Role{message.DistinctID, message.Event, message.Timestamp} {
		columns[i].Role = role
	}
	m := message.New(columns, message.Options{As: "track", Environment: "production"})
	for _, values := range rows {
		r := m.Map(values)
		require.Empty(t, r.Reason)
		p.assertTaken(r.Row)
	}
}
