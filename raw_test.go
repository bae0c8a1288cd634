package altertable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// rawIn returns a Raw of that endpoint and text.
func rawIn(endpoint, text string) altertable.Raw {
	return altertable.Raw{Endpoint: endpoint, JSON: json.RawMessage(text)}
}

func rawEvent(name string) altertable.Raw {
	return rawIn("track", `{"event":"`+name+`","distinct_id":"u_1","properties":{}}`)
}

func newDisabled(t testing.TB, opts ...altertable.Option) *altertable.Client {
	client, err := altertable.New("key", append([]altertable.Option{altertable.WithDisabled(true)}, opts...)...)
	require.NoError(t, err)
	return client
}

const rawStamp = `"timestamp":"2023-01-01T12:00:00.000Z"`

func TestRawGetsWhatItLacks(t *testing.T) {
	const now = `"timestamp":"2000-01-01T00:00:00.000Z"` // when time begins in a bubble
	for name, c := range map[string]struct{ endpoint, given, want string }{
		"nothing given": {
			"track", `{"event":"e","distinct_id":"u_1","properties":{"a":1}}`,
			`{"environment":"production","event":"e","distinct_id":"u_1","properties":{"a":1},` + now + `}`,
		},
		"nothing lacks": {
			"track", `{"event":"e","distinct_id":"u_1","properties":{},"environment":"staging",` + rawStamp + `}`,
			`{"event":"e","distinct_id":"u_1","properties":{},"environment":"staging",` + rawStamp + `}`,
		},
		"environment": {
			"identify", `{"distinct_id":"u_1",` + rawStamp + `}`,
			`{"environment":"production","distinct_id":"u_1",` + rawStamp + `}`,
		},
		"unknown members and white space inside stay": {
			"alias", " \n{ \"x\" : [1, {\"y\":\"}\\\"\"}] ,\n\"distinct_id\":\"u_1\",\t\"new_user_id\" :\"u_2\", \"z\":1e400 } \r\n",
			"{\"environment\":\"production\", \"x\" : [1, {\"y\":\"}\\\"\"}] ,\n\"distinct_id\":\"u_1\",\t\"new_user_id\" :\"u_2\", \"z\":1e400," + now + "}",
		},
		"escaped names": {
			"track", `{"\u0065vent":"e","distinct\u005fid":"u_1","properties":{},"environmen\u0074":"staging"}`,
			`{"\u0065vent":"e","distinct\u005fid":"u_1","properties":{},"environmen\u0074":"staging",` + now + `}`,
		},
		"names tell case": {
			"track", `{"event":"e","Event":1,"distinct_id":"u_1","DISTINCT_ID":2,"properties":{}}`,
			`{"environment":"production","event":"e","Event":1,"distinct_id":"u_1","DISTINCT_ID":2,"properties":{},` + now + `}`,
		},
		"null where that is absent": {
			"identify", `{"distinct_id":"u_1","traits":null,"anonymous_id":null,"device_id":null}`,
			`{"environment":"production","distinct_id":"u_1","traits":null,"anonymous_id":null,"device_id":null,` + now + `}`,
		},
		"bad syntax further inside": {
			"track", `{"event":"e","distinct_id":"u_1","properties":{"a":nope,,:},"b":truE}`,
			`{"environment":"production","event":"e","distinct_id":"u_1","properties":{"a":nope,,:},"b":truE,` + now + `}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw, err := newDisabled(t).Encode(t.Context(), rawIn(c.endpoint, c.given))
				require.NoError(t, err)
				assert.Equal(t, c.endpoint, raw.Endpoint)
				assert.Equal(t, c.want, string(raw.JSON))
			})
		})
	}
}

func TestRawIsRefused(t *testing.T) {
	const rest = `,"distinct_id":"u_1","properties":{}`
	long := strings.Repeat("é", 1025)
	for name, c := range map[string]struct{ endpoint, text, field string }{
		"no endpoint":              {"", `{}`, "endpoint"},
		"unknown endpoint":         {"Track", `{}`, "endpoint"},
		"nothing":                  {"track", ``, "message"},
		"white space":              {"track", " \n", "message"},
		"a list":                   {"track", `[{"event":"e"` + rest + `}]`, "message"},
		"null":                     {"identify", `null`, "message"},
		"a string":                 {"identify", `"{}"`, "message"},
		"no object":                {"identify", `{`, "message"},
		"text behind":              {"track", `{"event":"e"` + rest + `}x`, "message"},
		"a second object":          {"track", `{"event":"e"` + rest + `},{"event":"e"` + rest + `}`, "message"},
		"no comma":                 {"track", `{"event":"e" "distinct_id":"u_1","properties":{}}`, "message"},
		"a comma too many":         {"track", `{"event":"e"` + rest + `,}`, "message"},
		"no colon":                 {"track", `{"event" "e"` + rest + `}`, "message"},
		"no value":                 {"track", `{"event":` + rest + `}`, "message"},
		"a name without quotes":    {"track", `{event:"e"` + rest + `}`, "message"},
		"an open string":           {"track", `{"event":"e` + "}", "message"},
		"an open string, escaped":  {"track", `{"event":"e\`, "message"},
		"an open object":           {"track", `{"event":"e","distinct_id":"u_1","properties":{`, "message"},
		"a line break in a string": {"track", "{\"event\":\"e\",\"distinct_id\":\"u_1\",\"properties\":{\"a\":\"x\ny\"}}", "message"},
		"an escape that is none":   {"track", `{"\x":1,"event":"e"` + rest + `}`, "message"},
		"empty object":             {"track", `{}`, "distinct_id"},
		"no event":                 {"track", `{"distinct_id":"u_1","properties":{}}`, "event"},
		"event of another type":    {"track", `{"event":1` + rest + `}`, "event"},
		"event null":               {"track", `{"event":null` + rest + `}`, "event"},
		"blank event":              {"track", `{"event":" \u200b"` + rest + `}`, "event"},
		"event twice":              {"track", `{"event":"e","event":"e"` + rest + `}`, "event"},
		"event twice, escaped":     {"track", `{"event":"e","\u0065vent":"e"` + rest + `}`, "event"},
		"escape in the event":      {"track", `{"event":"\ud800"` + rest + `}`, "event"},
		"no distinct_id":           {"identify", `{"traits":{}}`, "distinct_id"},
		"distinct_id null":         {"identify", `{"distinct_id":null}`, "distinct_id"},
		"distinct_id a number":     {"identify", `{"distinct_id":1}`, "distinct_id"},
		"reserved id":              {"identify", `{"distinct_id":"Anonymous"}`, "distinct_id"},
		"reserved id, escaped":     {"identify", `{"distinct_id":"\u0061nonymous"}`, "distinct_id"},
		"blank id":                 {"identify", `{"distinct_id":"\u2800"}`, "distinct_id"},
		"id with NUL":              {"identify", `{"distinct_id":"u\u0000"}`, "distinct_id"},
		"id with half a pair":      {"identify", `{"distinct_id":"u\udc00"}`, "distinct_id"},
		"id with a broken pair":    {"identify", `{"distinct_id":"u\ud800\u0041"}`, "distinct_id"},
		"id of bad UTF-8":          {"identify", "{\"distinct_id\":\"u\xff\"}", "distinct_id"},
		"long id":                  {"identify", `{"distinct_id":"` + long + `"}`, "distinct_id"},
		"distinct_id twice":        {"identify", `{"distinct_id":"u_1","distinct_id":"u_1"}`, "distinct_id"},
		"no properties":            {"track", `{"event":"e","distinct_id":"u_1"}`, "properties"},
		"properties null":          {"track", `{"event":"e","distinct_id":"u_1","properties":null}`, "properties"},
		"properties a list":        {"track", `{"event":"e","distinct_id":"u_1","properties":[]}`, "properties"},
		"properties twice":         {"track", `{"event":"e"` + rest + `,"properties":{}}`, "properties"},
		"traits a list":            {"identify", `{"distinct_id":"u_1","traits":[]}`, "traits"},
		"traits twice":             {"identify", `{"distinct_id":"u_1","traits":null,"traits":{}}`, "traits"},
		"anonymous_id a number":    {"identify", `{"distinct_id":"u_1","anonymous_id":1}`, "anonymous_id"},
		"anonymous_id with NUL":    {"identify", `{"distinct_id":"u_1","anonymous_id":"a\u0000"}`, "anonymous_id"},
		"device_id of bad UTF-8":   {"track", "{\"event\":\"e\",\"device_id\":\"\xff\"" + rest + "}", "device_id"},
		"device_id twice":          {"identify", `{"distinct_id":"u_1","device_id":"d","device_id":"d"}`, "device_id"},
		"no new_user_id":           {"alias", `{"distinct_id":"u_1"}`, "new_user_id"},
		"reserved anonymous_id":    {"identify", `{"distinct_id":"u_1","anonymous_id":"undefined"}`, "anonymous_id"},
		"reserved device_id":       {"track", `{"event":"e","distinct_id":"u_1","properties":{},"device_id":"null"}`, "device_id"},
		"reserved new_user_id":     {"alias", `{"distinct_id":"u_1","new_user_id":"null"}`, "new_user_id"},
		"alias of itself":          {"alias", `{"distinct_id":"u_1","new_user_id":"u\u005f1"}`, "new_user_id"},
		"blank environment":        {"identify", `{"distinct_id":"u_1","environment":" "}`, "environment"},
		"environment null":         {"identify", `{"distinct_id":"u_1","environment":null}`, "environment"},
		"environment twice":        {"identify", `{"distinct_id":"u_1","environment":"a","environment":"a"}`, "environment"},
		"timestamp twice":          {"identify", `{"distinct_id":"u_1",` + rawStamp + "," + rawStamp + `}`, "timestamp"},
		"timestamp a number":       {"identify", `{"distinct_id":"u_1","timestamp":1672574400}`, "timestamp"},
		"timestamp null":           {"identify", `{"distinct_id":"u_1","timestamp":null}`, "timestamp"},
	} {
		t.Run(name, func(t *testing.T) {
			client := newDisabled(t)
			for call, err := range map[string]error{
				"Enqueue": client.Enqueue(t.Context(), rawIn(c.endpoint, c.text), func(error) { t.Error("told") }),
				"Encode":  second(client.Encode(t.Context(), rawIn(c.endpoint, c.text))),
			} {
				var invalid *altertable.ValidationError
				require.ErrorAs(t, err, &invalid, call)
				assert.Equal(t, c.field, invalid.Field, call)
				assert.True(t, strings.HasPrefix(err.Error(), "altertable: "+call+": "), err)
				assert.NotContains(t, err.Error(), "u_1")
			}
			assert.EqualValues(t, 2, client.Stats().RejectedInvalid)
		})
	}
}

func second[A any](_ A, err error) error { return err }

func TestRawTooLarge(t *testing.T) {
	client := newDisabled(t, altertable.WithMaxBatchBytes(1<<10))
	text := func(n int) altertable.Raw {
		return rawIn("track", `{"event":"e","distinct_id":"u_1","properties":{"a":"`+strings.Repeat("x", n)+`"}}`)
	}
	for _, n := range []int{1 << 10, 1<<10 - 100} { // with what it lacks, the second one is
		_, err := client.Encode(t.Context(), text(n))
		require.ErrorIs(t, err, altertable.ErrTooLarge)
		assert.Contains(t, err.Error(), "WithMaxBatchBytes")
	}
	_, err := client.Encode(t.Context(), text(500))
	require.NoError(t, err)
}

func TestRawBytesAreTheCallersAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		raw := rawEvent("checkout_completed")
		require.NoError(t, client.Enqueue(t.Context(), raw, nil))
		for i := range raw.JSON {
			raw.JSON[i] = 'x'
		}
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, []string{"checkout_completed"}, stored(srv))
	})
}

func TestRawPassesBeforeSendByAndGetsNoProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t,
			altertable.WithBeforeSend(func(altertable.Message) altertable.Message { return nil }),
			altertable.WithDefaultProperties(altertable.Properties{"a": 1}), altertable.WithEventIDs())
		ctx := altertable.ContextWithProperties(t.Context(), altertable.Properties{"b": 1})
		require.NoError(t, client.Enqueue(ctx, rawEvent("e"), nil))
		require.NoError(t, client.Flush(ctx))
		events := srv.Events()
		require.Len(t, events, 1)
		assert.Empty(t, events[0].Properties)
	})
}

// The identifies of one person are of the Raw's distinct id or its anonymous id.
func TestRawIdentifiesKeepTheirOrder(t *testing.T) {
	for name, first := range map[string]string{
		"distinct_id":  `{"distinct_id":"\u0075_1","traits":{"a":1}}`,
		"anonymous_id": `{"anonymous_id":"anonymous\u002d1","distinct_id":"u_2"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t, altertable.WithMaxBatchSize(1))
				srv.Next(1, altertabletest.Status(503))
				require.NoError(t, client.Enqueue(t.Context(), rawIn("identify", first), nil))
				require.NoError(t, client.Identify(t.Context(), linked("u_1")))
				require.NoError(t, client.Flush(t.Context()))
				requests := srv.Requests()
				require.Len(t, requests, 3)
				assert.Equal(t, requests[0].Body, requests[1].Body, "the first one again, and only then the other")
			})
		})
	}
}

func TestRawEncodesToALine(t *testing.T) {
	raw := rawIn("identify", "{\"distinct_id\":\"u_1\",\n \"traits\":{\"a\":1}}")
	line, err := json.Marshal(raw)
	require.NoError(t, err)
	assert.Equal(t, `{"endpoint":"identify","message":{"distinct_id":"u_1","traits":{"a":1}}}`, string(line))
	var back altertable.Raw
	require.NoError(t, json.Unmarshal(line, &back))
	assert.Equal(t, "identify", back.Endpoint)
	assert.JSONEq(t, string(raw.JSON), string(back.JSON))
	line[len(line)-3] = 'x'
	assert.JSONEq(t, string(raw.JSON), string(back.JSON), "it has memory of its own")
}

func TestRawThatIsNoMessageHasNoLine(t *testing.T) {
	for name, raw := range map[string]altertable.Raw{
		"zero": {}, "endpoint": rawIn("x", `{}`), "empty": rawIn("track", ""), "list": rawIn("track", `[]`),
		"bad inside": rawIn("track", `{"a":{nope}}`), "text behind": rawIn("track", `{}{}`),
	} {
		_, err := json.Marshal(raw)
		assert.Error(t, err, name)
	}
}

func TestRawIsReadStrictly(t *testing.T) {
	for _, line := range []string{
		`null`, `1`, `[]`, `{}`, `{"endpoint":"track"}`, `{"message":{}}`, `{"endpoint":"x","message":{}}`, `{"endpoint":1,"message":{}}`,
		`{"endpoint":null,"message":{}}`, `{"endpoint":"track","message":null}`, `{"endpoint":"track","message":[]}`,
		`{"endpoint":"track","message":"{}"}`, `{"endpoint":"track","message":{},"more":1}`, `{"Endpoint":"track","Message":{}}`,
		`{"endpoint":"track","message":{`,
	} {
		raw := rawIn("alias", `{"kept":1}`)
		assert.Error(t, json.Unmarshal([]byte(line), &raw), line)
		assert.Equal(t, rawIn("alias", `{"kept":1}`), raw, "untouched after an error")
	}
}

var required = map[string][]string{
	"track":    {"event", "distinct_id", "environment", "timestamp"},
	"identify": {"distinct_id", "environment", "timestamp"},
	"alias":    {"distinct_id", "new_user_id", "environment", "timestamp"},
}
