package body_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/body"
)

func TestMessagesAreWhatWasSentAndWhatTheyLack(t *testing.T) {
	const stamp = `"timestamp":"2026-11-27T12:00:00.123456Z"`
	for _, c := range []struct{ name, endpoint, sent, want string }{
		{"nothing is lacking", "track",
			`{"environment":"production","event":"e","properties":{"$ip":null},"timestamp":"2023-01-01","x":[1, 2]}`, ""},
		{"all is lacking", "track",
			`{"environment":"production","event":"e","properties":{}}`,
			`{"environment":"production","event":"e","properties":{"$ip":0},` + stamp + `}`},
		{"properties last", "track",
			`{"environment":"production","event":"e","properties":{"a":1}}`,
			`{"environment":"production","event":"e","properties":{"$ip":0,"a":1},` + stamp + `}`},
		{"null time before the properties", "track",
			`{"timestamp":null,"environment":"production","event":"e","properties":{"a":1}}`,
			`{"timestamp":"2026-11-27T12:00:00.123456Z","environment":"production","event":"e","properties":{"$ip":0,"a":1}}`},
		{"null time behind the properties", "track",
			`{"environment":"production","properties":{ },"timestamp" : null ,"event":"e"}`,
			`{"environment":"production","properties":{"$ip":0 },"timestamp" : "2026-11-27T12:00:00.123456Z" ,"event":"e"}`},
		{"an address of another level", "track",
			`{"$ip":1,"environment":"production","event":"e","properties":{"a":{"$ip":1},"b":["$ip"]},"timestamp":"2023-01-01"}`,
			`{"$ip":1,"environment":"production","event":"e","properties":{"$ip":0,"a":{"$ip":1},"b":["$ip"]},"timestamp":"2023-01-01"}`},
		{"an escaped address", "track",
			`{"environment":"production","event":"e","properties":{"a":{},"\u0024i\u0070":1},"timestamp":"2023-01-01"}`, ""},
		{"identify has no address", "identify",
			`{"environment":"production","distinct_id":"u","properties":{}}`,
			`{"environment":"production","distinct_id":"u","properties":{},` + stamp + `}`},
		{"seconds", "identify",
			`{"environment":"production","distinct_id":"u","timestamp":1672574400}`,
			`{"environment":"production","distinct_id":"u","timestamp":"2023-01-01T12:00:00.000Z"}`},
		{"milliseconds", "alias",
			`{"environment":"production","distinct_id":"u","timestamp":1672574400001,"new_user_id":"v"}`,
			`{"environment":"production","distinct_id":"u","timestamp":"2023-01-01T12:00:00.001Z","new_user_id":"v"}`},
		{"a year of five digits", "alias",
			`{"environment":"production","distinct_id":"u","timestamp":9223372036854775807,"new_user_id":"v"}`, ""},
		{"an escaped time", "alias",
			`{"environment":"production","distinct_id":"u","\u0074imestamp":"2023-01-01","new_user_id":"v"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			messages, err := body.Split(c.endpoint, []byte(" [ "+c.sent+" , "+c.sent+" ] "), add, nil)
			require.NoError(t, err)
			require.Len(t, messages, 2)
			want := c.want
			if want == "" {
				want = c.sent
			}
			for _, m := range messages {
				assert.Equal(t, want, string(m.JSON))
				assert.Equal(t, "production", m.Environment)
				assert.Equal(t, len(c.sent), m.Sent)
			}
		})
	}
}

func TestTheAddressIsThatOfTheClient(t *testing.T) {
	for address, want := range map[string]string{"203.0.113.7": `"203.0.113.7"`, "2001:db8::1": `"2001:db8::1"`} {
		add := body.Add{IP: netip.MustParseAddr(address)}
		messages, err := body.Split("track", []byte(`{"environment":"e","event":"e","properties":{"a":1}}`), add, nil)
		require.NoError(t, err)
		assert.Contains(t, string(messages[0].JSON), `"properties":{"$ip":`+want+`,"a":1}`)
	}
}

func TestStampsComeFromTheFunctionInOrder(t *testing.T) {
	next := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	stamp := func() time.Time { next = next.Add(time.Microsecond); return next }
	text := []byte(`[{"environment":"e","distinct_id":"a"},{"environment":"e","distinct_id":"b","timestamp":"2023-01-01"},{"environment":"e","distinct_id":"c"}]`)
	messages, err := body.Split("identify", text, body.Add{Stamp: stamp}, nil)
	require.NoError(t, err)
	assert.Equal(t, `{"environment":"e","distinct_id":"a","timestamp":"2026-01-01T00:00:00.000001Z"}`, string(messages[0].JSON))
	assert.Equal(t, `{"environment":"e","distinct_id":"c","timestamp":"2026-01-01T00:00:00.000002Z"}`, string(messages[2].JSON))
	assert.Equal(t, []bool{false, true, false}, []bool{messages[0].Stamped, messages[1].Stamped, messages[2].Stamped})
}

func TestNothingOfARefusedBodyIsReturned(t *testing.T) {
	before := []body.Message{{Environment: "before"}}
	text := []byte(`[{"environment":"production","distinct_id":"a"},{"environment":"nowhere","distinct_id":"b"}]`)
	messages, err := body.Split("identify", text, add, before)
	var refusal *body.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, "environment-not-found", refusal.Code)
	assert.Equal(t, before, messages)
}

func TestARefusalNamesFieldsAndNoValue(t *testing.T) {
	for _, text := range []string{
		`{"environment":"secret-1","event":"secret-2","properties":["secret-3"]}`, `{"environment":{"secret":1}}`,
		`{"environment":"secret","event":"e","properties":{}}`, `{"environment":"staging","event":"e","properties":{},"timestamp":"secret"}`,
		`{"environment":"staging","environment":"secret"}`, `{"secret":`, `"secret"`,
	} {
		_, err := body.Split("track", []byte(text), add, nil)
		var refusal *body.Refusal
		require.True(t, errors.As(err, &refusal), text)
		assert.NotContains(t, refusal.Text, "secret")
		assert.NotEmpty(t, refusal.Text)
	}
}

func TestAnUnknownEndpointIsNotFound(t *testing.T) {
	_, err := body.Split("query", []byte(`{}`), add, nil)
	var refusal *body.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, 404, refusal.Status)
}

// event is one of 460 bytes.
func event(i int) string {
	return fmt.Sprintf(`{"environment":"production","event":"checkout_completed","properties":{"$ip":0,"$lib":"altertable-go","$lib_version":"0.2.0",`+
		`"plan":"enterprise","seats":25,"amount":1249.5,"currency":"EUR","country":"DE","source":"newsletter","coupon":"AUTUMN-2026","trial":false,`+
		`"referrer":"https://www.example.com/pricing?utm_source=newsletter","tags":["b2b","yearly"]},"distinct_id":"user_%08d","anonymous_id":"anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7","timestamp":"2026-11-27T12:00:00.%06dZ"}`, i, i)
}

func events(n int) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = event(i)
	}
	return []byte("[" + strings.Join(list, ",") + "]")
}

func TestNoMemoryIsTakenForAMessage(t *testing.T) {
	text, into := events(100), make([]body.Message, 0, 100)
	allocs := testing.AllocsPerRun(20, func() {
		if _, err := body.Split("track", text, add, into); err != nil {
			panic(err)
		}
	})
	assert.LessOrEqual(t, allocs, 2.0)
	lacking := bytes.ReplaceAll(text, []byte(`"$ip":0,`), nil)
	allocs = testing.AllocsPerRun(20, func() {
		if _, err := body.Split("track", lacking, add, into); err != nil {
			panic(err)
		}
	})
	assert.LessOrEqual(t, allocs, 8.0)
}

func BenchmarkSplit(b *testing.B) {
	text, into := events(100), make([]body.Message, 0, 100)
	for _, c := range []struct {
		name string
		text []byte
	}{
		{"complete", text}, {"lacking", bytes.ReplaceAll(text, []byte(`"$ip":0,`), nil)},
		{"not ASCII", bytes.ReplaceAll(text, []byte("www.example.com/pricing"), []byte("www.bücher-köln.de/preise-übersicht"))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				if _, err := body.Split("track", c.text, add, into); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
		})
	}
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			var list []map[string]any
			if err := json.Unmarshal(text, &list); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
	})
	b.Run("json.Valid", func(b *testing.B) {
		for b.Loop() {
			json.Valid(text)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
	})
}
