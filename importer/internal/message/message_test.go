package message_test

import (
	"database/sql/driver"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// at is 2024-01-05T10:00:00Z.
const at = int64(1704448800000000)

// col is a VARCHAR.
func col(name string, role message.Role) message.Column {
	return message.Column{Name: name, Role: role}
}

// fields are the columns that tests have, by their name.
var fields = map[string]message.Role{
	"event": message.Event, "distinct_id": message.DistinctID, "anonymous_id": message.AnonymousID, "device_id": message.DeviceID,
	"new_user_id": message.NewUserID, "environment": message.Environment, "timestamp": message.Timestamp,
	"properties": message.Properties, "traits": message.Traits, "endpoint": message.Endpoint, "_row": message.Number,
	"_file": message.File, "_json": message.JSON, "_message": message.Message, "_reason": message.Reason, "_raw": message.Raw,
	"bad_time": message.BadTime,
}

// A cell is a column and its value.
type cell struct {
	name  string
	value driver.Value
}

func mapped(columns []message.Column, o message.Options, values ...driver.Value) record.Row {
	m := message.New(columns, o).Map(values)
	return new(message.Numberer).Number(&m)
}

// row maps a row of cells, in production.
func row(as string, cells ...cell) record.Row {
	var columns []message.Column
	var values []driver.Value
	for _, c := range cells {
		name, numeric := strings.CutPrefix(c.name, "numeric ")
		name, isJSON := strings.CutPrefix(name, "json ")
		columns = append(columns, message.Column{Name: name, Role: fields[name], Numeric: numeric, JSON: isJSON})
		values = append(values, c.value)
	}
	return mapped(columns, message.Options{As: as, Environment: "production"}, values...)
}

// track maps a row of a track that lacks nothing.
func track(cells ...cell) record.Row {
	return row("track", append([]cell{{"event", "signed_up"}, {"distinct_id", "u_1"}, {"timestamp", at}}, cells...)...)
}

// bag returns the properties or traits of a message, in their order, without what
// the import adds.
func bag(t *testing.T, r record.Row) string {
	t.Helper()
	var m struct{ Properties, Traits json.RawMessage }
	require.NoError(t, json.Unmarshal(r.Message, &m), "%s", r.Message)
	if m.Traits != nil {
		return string(m.Traits)
	}
	text := string(m.Properties)
	const id = `"$event_id":"00000000-0000-0000-0000-000000000000"`
	if strings.HasPrefix(text, `{"$event_id"`) && len(text) > len(id) {
		text = "{" + strings.TrimPrefix(text[1+len(id):], ",")
	}
	text = strings.TrimSuffix(text, "}")
	for _, own := range []string{`"$ip":0`, `"$lib":"altertable-import","$lib_version":"` + altertable.Version + `"`} {
		if rest, ok := strings.CutSuffix(text, own); ok {
			text = strings.TrimSuffix(rest, ",")
		}
	}
	return text + "}"
}

func TestTrack(t *testing.T) {
	r := track(cell{"anonymous_id", "a_1"}, cell{"device_id", "d_1"}, cell{"environment", "staging"}, cell{"plan", "pro"},
		cell{"_row", int64(17)}, cell{"_file", "one.csv"})
	assert.Empty(t, r.Reason)
	assert.Equal(t, `{"environment":"staging","event":"signed_up","distinct_id":"u_1","anonymous_id":"a_1","device_id":"d_1",`+
		`"timestamp":"2024-01-05T10:00:00.000Z","properties":{"$event_id":"f0b13f9f-8a31-5bc4-9cf3-0c3a3b6f2d52","plan":"pro",`+
		`"$lib":"altertable-import","$lib_version":"`+altertable.Version+`","$ip":0}}`, withoutID(string(r.Message)))
	assert.Equal(t, record.Row{File: "one.csv", Number: 17, Endpoint: record.Track, At: at, Event: "signed_up", Person: "u_1",
		Message: r.Message}, r)
}

func TestIdentify(t *testing.T) {
	r := row("identify", cell{"distinct_id", "u_1"}, cell{"anonymous_id", "a_1"}, cell{"timestamp", at}, cell{"plan", "pro"})
	assert.Empty(t, r.Reason)
	assert.Equal(t, `{"environment":"production","distinct_id":"u_1","anonymous_id":"a_1","timestamp":"2024-01-05T10:00:00.000Z",`+
		`"traits":{"plan":"pro"}}`, string(r.Message))
	assert.Equal(t, record.Row{Endpoint: record.Identify, At: at, Person: "u_1", Message: r.Message}, r)

	r = row("identify", cell{"distinct_id", "u_1"})
	assert.Empty(t, r.Reason, "the time of sending will do")
	assert.Equal(t, `{"environment":"production","distinct_id":"u_1"}`, string(r.Message))
	assert.EqualValues(t, record.NoTime, r.At)
}

func TestAlias(t *testing.T) {
	r := row("alias", cell{"distinct_id", "a_1"}, cell{"new_user_id", "u_1"}, cell{"timestamp", at}, cell{"plan", "pro"})
	assert.Empty(t, r.Reason)
	assert.Equal(t, `{"environment":"production","distinct_id":"a_1","new_user_id":"u_1","timestamp":"2024-01-05T10:00:00.000Z"}`, string(r.Message))
	assert.Equal(t, record.Alias, r.Endpoint)
}

func TestRowNamesItsEndpoint(t *testing.T) {
	r := track(cell{"endpoint", "identify"})
	assert.Equal(t, record.Identify, r.Endpoint)
	assert.Empty(t, r.Reason)
	assert.Equal(t, `{"event":"signed_up"}`, bag(t, r), "what is no field is not lost")

	r = track(cell{"json endpoint", `"identify"`})
	assert.Equal(t, record.Identify, r.Endpoint)

	r = track(cell{"endpoint", "group"})
	assert.Empty(t, r.Endpoint)
	assert.Equal(t, "endpoint is none of track, identify and alias", r.Reason)
	assert.Contains(t, string(r.Message), `"signed_up"`)
}

func TestNoEnvironmentIsLeftToTheClient(t *testing.T) {
	r := mapped([]message.Column{col("distinct_id", message.DistinctID)}, message.Options{As: "identify"}, "u_1")
	assert.Empty(t, r.Reason)
	assert.Equal(t, `{"distinct_id":"u_1"}`, string(r.Message))
}

func TestTraitsNow(t *testing.T) {
	columns := []message.Column{col("distinct_id", message.DistinctID), col("timestamp", message.Timestamp), col("b", message.BadTime), col("event", message.Event)}
	r := mapped(columns, message.Options{As: "identify", TraitsNow: true}, "u_1", at, nil, nil)
	assert.Equal(t, `{"distinct_id":"u_1"}`, string(r.Message))
	assert.EqualValues(t, record.NoTime, r.At)
	r = mapped(columns, message.Options{As: "identify", TraitsNow: true}, "u_1", nil, "soon", nil)
	assert.Empty(t, r.Reason)
	r = mapped(columns, message.Options{As: "track", TraitsNow: true}, "u_1", at, nil, "signed_up")
	assert.Equal(t, at, r.At)
}

func TestIDs(t *testing.T) {
	long := strings.Repeat("é", 1024)
	for name, c := range map[string]struct {
		cells  []cell
		ids    string // as far as the message has them
		reason string
	}{
		"anonymous alone":         {[]cell{{"anonymous_id", "a_1"}}, `"distinct_id":"a_1"`, ""},
		"anonymous, empty":        {[]cell{{"distinct_id", ""}, {"anonymous_id", "a_1"}}, `"distinct_id":"a_1"`, ""},
		"equal":                   {[]cell{{"distinct_id", "u"}, {"anonymous_id", "u"}}, `"distinct_id":"u"`, ""},
		"none":                    {nil, ``, "no distinct_id"},
		"both NULL":               {[]cell{{"distinct_id", nil}, {"anonymous_id", nil}}, ``, "no distinct_id"},
		"whole number":            {[]cell{{"distinct_id", int64(42)}}, `"distinct_id":"42"`, ""},
		"small number":            {[]cell{{"distinct_id", int8(42)}}, `"distinct_id":"42"`, ""},
		"float":                   {[]cell{{"distinct_id", 42.0}}, `"distinct_id":"42"`, ""},
		"fraction":                {[]cell{{"distinct_id", 42.5}}, `"distinct_id":"42.5"`, ""},
		"large float":             {[]cell{{"distinct_id", 1e21}}, `"distinct_id":"1000000000000000000000"`, ""},
		"JSON":                    {[]cell{{"json distinct_id", ` "u\u00e9" `}}, `"distinct_id":"ué"`, ""},
		"JSON number":             {[]cell{{"json distinct_id", `42.0`}}, `"distinct_id":"42"`, ""},
		"JSON null":               {[]cell{{"json distinct_id", `null`}, {"json anonymous_id", `"a"`}}, `"distinct_id":"a"`, ""},
		"JSON object":             {[]cell{{"json distinct_id", `{"a":1}`}}, `"distinct_id":{"a":1}`, "distinct_id is not a text"},
		"JSON that is none":       {[]cell{{"json distinct_id", `{`}}, `"distinct_id":"{"`, "distinct_id is not valid JSON"},
		"NaN":                     {[]cell{{"distinct_id", nan}}, `"distinct_id":null`, "distinct_id is NaN"},
		"list":                    {[]cell{{"distinct_id", []any{"u"}}}, `"distinct_id":["u"]`, "distinct_id is not a text"},
		"bytes":                   {[]cell{{"distinct_id", []byte("u")}}, `"distinct_id":"dQ=="`, "distinct_id is not a text"},
		"zero":                    {[]cell{{"distinct_id", int64(0)}}, `"distinct_id":"0"`, "distinct_id is a reserved word, not an id"},
		"reserved":                {[]cell{{"distinct_id", " Undefined"}}, `"distinct_id":" Undefined"`, "distinct_id is a reserved word, not an id"},
		"true":                    {[]cell{{"distinct_id", true}}, `"distinct_id":"true"`, "distinct_id is a reserved word, not an id"},
		"reserved, but anonymous": {[]cell{{"distinct_id", "null"}, {"anonymous_id", "a"}}, `"distinct_id":"null","anonymous_id":"a"`, "distinct_id is a reserved word, not an id"},
		"blank":                   {[]cell{{"distinct_id", " "}}, `"distinct_id":" "`, "distinct_id must not be empty"},
		"NUL":                     {[]cell{{"distinct_id", "a\x00"}}, `"distinct_id":"a\u0000"`, "distinct_id contains a NUL character"},
		"as long as can be":       {[]cell{{"distinct_id", long}}, `"distinct_id":"` + long + `"`, ""},
		"too long":                {[]cell{{"distinct_id", long + "x"}}, `"distinct_id":"` + long + `x"`, "distinct_id has more than 1024 characters"},
		"anonymous placeholder":   {[]cell{{"distinct_id", "u"}, {"anonymous_id", "undefined"}}, `"distinct_id":"u"`, ""},
		"two placeholders":        {[]cell{{"distinct_id", "u"}, {"anonymous_id", "null"}, {"device_id", "None"}}, `"distinct_id":"u"`, ""},
		"device placeholder":      {[]cell{{"distinct_id", "u"}, {"anonymous_id", "a"}, {"device_id", "%!s(<nil>)"}}, `"distinct_id":"u","anonymous_id":"a"`, ""},
		"anonymous too long":      {[]cell{{"distinct_id", "u"}, {"anonymous_id", long + "x"}}, `"distinct_id":"u","anonymous_id":"` + long + `x"`, "anonymous_id has more than 1024 characters"},
		"device with NUL":         {[]cell{{"distinct_id", "u"}, {"device_id", "a\x00b"}}, `"distinct_id":"u","device_id":"a\u0000b"`, "device_id contains a NUL character"},
	} {
		r := row("track", append(c.cells, cell{"event", "signed_up"}, cell{"timestamp", at})...)
		assert.Equal(t, c.reason, r.Reason, name)
		ids := strings.TrimPrefix(string(r.Message), `{"environment":"production","event":"signed_up",`)
		ids, _, _ = strings.Cut(ids, `"timestamp"`)
		assert.Equal(t, c.ids, strings.TrimSuffix(ids, ","), name)
		assertValid(t, r.Message)
	}
}

func TestReasons(t *testing.T) {
	for name, c := range map[string]struct {
		row    record.Row
		reason string
	}{
		"no event":           {row("track", cell{"distinct_id", "u"}, cell{"timestamp", at}), "no event"},
		"blank event":        {track(cell{"event", "\u200b"}), ""}, // the first column counts
		"no timestamp":       {row("track", cell{"event", "e"}, cell{"distinct_id", "u"}), "no timestamp"},
		"bad timestamp":      {row("track", cell{"event", "e"}, cell{"distinct_id", "u"}, cell{"bad_time", "soon"}), "timestamp cannot be read"},
		"bad time, identify": {row("identify", cell{"distinct_id", "u"}, cell{"bad_time", "soon"}), "timestamp cannot be read"},
		"year":               {row("track", cell{"event", "e"}, cell{"distinct_id", "u"}, cell{"timestamp", at * 1000}), "timestamp has a year outside 1 to 9999"},
		"no new user":        {row("alias", cell{"distinct_id", "u"}), "no new_user_id"},
		"same":               {row("alias", cell{"distinct_id", "u"}, cell{"new_user_id", "u"}), "new_user_id is the same as distinct_id"},
		"blank environment":  {track(cell{"environment", " "}), "environment must not be blank"},
		"invisible event":    {row("track", cell{"event", "\u200b"}, cell{"distinct_id", "u"}, cell{"timestamp", at}), "event has no visible character"},
		"first of two":       {row("track", cell{"timestamp", at}), "no event"},
		"properties text":    {track(cell{"properties", "gold"}), "properties is not valid JSON"},
		"properties list":    {track(cell{"properties", "[1]"}), "properties is not a JSON object"},
		"properties typed":   {track(cell{"properties", []any{int64(1)}}), "properties is not a JSON object"},
		"properties number":  {track(cell{"properties", int64(1)}), "properties is not a JSON object"},
		"properties twice":   {track(cell{"properties", `{"a":1,"\u0061":2}`}), "properties has a member twice"},
		"nested twice":       {track(cell{"properties", `{"x":[{"a":1,"a":2}]}`}), "properties has a member twice"},
		"half a pair":        {track(cell{"properties", `{"a":"\ud800"}`}), "properties is not valid JSON"},
		"huge number":        {track(cell{"properties", `{"a":1e400}`}), "properties has a number out of range"},
		"NaN in JSON":        {track(cell{"properties", `{"a":NaN}`}), "properties is not valid JSON"},
		"trailing comma":     {track(cell{"properties", `{"a":1,}`}), "properties is not valid JSON"},
		"deep":               {track(cell{"properties", `{"a":` + nested(126) + `}`}), "properties is nested too deep"},
		"deep column":        {track(cell{"json a", nested(126)}), "a is nested too deep"},
		"deep row":           {track(cell{"_json", `{"a":` + nested(126) + `}`}), "the row is nested too deep"},
		"JSON column":        {track(cell{"json a", `{"b":NaN}`}), "a is not valid JSON"},
		"traits":             {row("identify", cell{"distinct_id", "u"}, cell{"traits", "gold"}), "traits is not valid JSON"},
		"NaN":                {track(cell{"amount", nan}), "amount is NaN"},
		"unknown type":       {track(cell{"amount", struct{}{}}), "amount has a type that cannot be imported"},
		"key twice":          {track(cell{"m", ordered("1", int64(1), int64(1), int64(2))}), "m has a key twice"},
		"long name":          {track(cell{strings.Repeat("é", 50), nan}), strings.Repeat("é", 32) + "... is NaN"},
		"too large":          {track(cell{"text", strings.Repeat("x", 2<<20)}), "larger than 2 MiB"},
		"as deep as can be":  {track(cell{"properties", `{"a":` + nested(125) + `}`}), ""},
		"JSON as deep":       {track(cell{"_json", `{"a":` + nested(125) + `,"properties":{"b":` + nested(125) + `}}`}), ""},
	} {
		assert.Equal(t, c.reason, c.row.Reason, name)
		assertValid(t, c.row.Message)
	}
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestSizeIsTheClients(t *testing.T) {
	for _, o := range []message.Options{{As: "track", Environment: "production"}, {As: "identify"}, {As: "identify", Environment: "production"}} {
		columns := []message.Column{col("distinct_id", message.DistinctID), col("text", message.Other)}
		values := []driver.Value{"u_1", ""}
		if o.As == "track" {
			columns = append(columns, col("event", message.Event), col("timestamp", message.Timestamp))
			values = append(values, "e", at)
		}
		m := message.New(columns, o)
		client, err := altertable.New("key", altertable.WithDisabled(true), altertable.WithMaxBatchBytes(record.RequestBytes))
		require.NoError(t, err)
		most := record.RequestBytes - len("[]") - len(m.Map(values).Message)
		refused := 0
		for _, spare := range []int{200, 90, 60, 43, 20, 1, 0, -1} {
			values[1] = strings.Repeat("x", most-spare)
			r := m.Map(values)
			if r.Reason != "" {
				assert.Equal(t, "larger than 2 MiB", r.Reason)
				refused++
				continue
			}
			_, err := client.Encode(t.Context(), altertable.Raw{Endpoint: r.Endpoint, JSON: r.Message})
			assert.NoError(t, err, "%d bytes to spare", spare)
		}
		assert.Positive(t, refused)
		assert.Less(t, refused, 8)
		if o.As == "track" {
			assert.Equal(t, 1, refused, "nothing will be added to it")
		}
	}
}

func TestRefusedRowKeepsWhatItHas(t *testing.T) {
	r := row("track", cell{"event", "paid"}, cell{"timestamp", at}, cell{"properties", "{torn"}, cell{"amount", nan}, cell{"plan", "pro"})
	assert.Equal(t, "no distinct_id", r.Reason, "the first one")
	assert.Equal(t, `{"properties":"{torn","amount":null,"plan":"pro"}`, bag(t, r))
	assert.NotContains(t, string(r.Message), "distinct_id")
	assert.Equal(t, "paid", r.Event)

	r = row("track", cell{"_json", `{"event":"e","distinct_id":{"a":1},"timestamp":"soon","a":1}`}, cell{"bad_time", "soon"})
	assert.Equal(t, "distinct_id is not a text", r.Reason)
	assert.Contains(t, string(r.Message), `"distinct_id":{"a":1},"timestamp":"soon"`)
}

func TestReasonOfTheStage(t *testing.T) {
	r := row("track", cell{"_reason", "a torn line"}, cell{"_raw", "{\"a\":\n"}, cell{"_row", int64(3)})
	assert.Equal(t, record.Row{Number: 3, Message: []byte(`"{\"a\":\n"`), Reason: "a torn line", At: record.NoTime}, r)
	r = track(cell{"_reason", "group calls have no endpoint"}, cell{"_raw", nil})
	assert.Equal(t, "group calls have no endpoint", r.Reason)
	assert.Equal(t, record.Track, r.Endpoint)
	assert.Contains(t, string(r.Message), `"signed_up"`)
	r = track(cell{"_reason", nil}, cell{"_raw", nil})
	assert.Empty(t, r.Reason)
}

func TestMapIsForSeveralGoroutines(t *testing.T) {
	m := message.New([]message.Column{col("distinct_id", message.DistinctID), col("_json", message.JSON)}, message.Options{As: "identify"})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var kept []record.Row
			for i := range 2000 {
				r := m.Map([]driver.Value{"u_1", `{"a":` + strings.Repeat("1", 1+i%200) + `}`})
				kept = append(kept, r.Row)
			}
			for i, r := range kept {
				assert.Equal(t, `{"distinct_id":"u_1","traits":{"a":`+strings.Repeat("1", 1+i%200)+`}}`, string(r.Message))
			}
		})
	}
	wg.Wait()
}

func ordered(pairs ...any) duckdb.OrderedMap {
	var m duckdb.OrderedMap
	for i := 0; i < len(pairs); i += 2 {
		m.Set(pairs[i], pairs[i+1])
	}
	return m
}
