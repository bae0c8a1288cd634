package body_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/relay/internal/body"
)

var environments = []string{"production", "staging"}

// An oracle is the API.
type oracle struct{ handler http.Handler }

func newOracle(t testing.TB) oracle {
	srv := altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithHistory(1),
		altertabletest.WithBodyHistory(0), altertabletest.WithEnvironments(environments...))
	t.Cleanup(srv.Close)
	return oracle{srv.Handler()}
}

// answer returns the API's status and error code.
func (o oracle) answer(endpoint string, text []byte) string {
	r := httptest.NewRequest(http.MethodPost, "/"+endpoint, bytes.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", "k")
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	var answer struct {
		Code string `json:"error_code"`
	}
	if w.Header().Get("Content-Type") == "application/json" {
		_ = json.Unmarshal(w.Body.Bytes(), &answer)
	}
	return fmt.Sprint(w.Code, " ", answer.Code)
}

var add = body.Add{Stamp: stamp, Environments: environments}

func stamp() time.Time { return time.Date(2026, 11, 27, 12, 0, 0, 123456000, time.UTC) }

// answerOf returns what Split makes of the body.
func answerOf(endpoint string, text []byte) (string, []body.Message) {
	messages, err := body.Split(endpoint, text, add, nil)
	var refusal *body.Refusal
	if errors.As(err, &refusal) {
		return fmt.Sprint(refusal.Status, " ", refusal.Code), nil
	}
	return "200 ", messages
}

// requireAsAPI compares the answers, and checks what Split adds.
func requireAsAPI(t testing.TB, o oracle, endpoint string, text []byte) string {
	t.Helper()
	before := bytes.Clone(text)
	got, messages := answerOf(endpoint, text)
	require.Equal(t, before, text, "Split changed the body")
	require.Equal(t, o.answer(endpoint, text), got, "/%s %q", endpoint, text)
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		list = []json.RawMessage{text}
	}
	if got != "200 " {
		return got
	}
	require.Len(t, messages, len(list), "/%s %q", endpoint, text)
	for i, m := range messages {
		requireComplete(t, endpoint, list[i], m)
		require.Equal(t, "200 ", o.answer(endpoint, m.JSON), "/%s %q became %q", endpoint, text, m.JSON)
	}
	return got
}

// requireComplete checks that a message is what was sent and what it lacked.
func requireComplete(t testing.TB, endpoint string, sent []byte, m body.Message) {
	t.Helper()
	decode := func(text []byte) map[string]any {
		var v map[string]any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		require.NoError(t, d.Decode(&v), "%q", text)
		return v
	}
	want, got := decode(sent), decode(m.JSON)
	require.Equal(t, want["environment"], m.Environment)
	require.Equal(t, want["timestamp"] != nil, m.Stamped)
	require.Equal(t, len(bytes.TrimSpace(sent)), m.Sent)
	switch given := want["timestamp"].(type) {
	case nil:
		want["timestamp"] = "2026-11-27T12:00:00.123456Z"
	case json.Number:
		if _, ok := got["timestamp"].(string); ok {
			want["timestamp"] = got["timestamp"]
		} else {
			require.Greater(t, len(given), 12, "an integer that no year of four digits is")
		}
	}
	if p, ok := want["properties"].(map[string]any); ok && endpoint == "track" {
		if _, ok := p["$ip"]; !ok {
			p["$ip"] = json.Number("0")
		}
	}
	require.Equal(t, want, got)
}

// Pieces of bodies, right and wrong.
var (
	values = []string{
		`"a"`, `""`, `"production"`, `"staging"`, `"nowhere"`, `"pr\u006fduction"`, `null`, `true`, `false`, `0`, `-0`, `-1`, `1.5`, `1e3`, `1E+400`,
		`1e400`, `-1e400`, `1e-400`, `01`, `-`, `+1`, `.5`, `5.`, `1e`, `1e+`, `0x1`, `NaN`, `Infinity`, `nul`, `nulll`, `tru`, `falsy`,
		`{}`, `[]`, `{"a":1}`, `{"a":{"b":[1,{"$ip":1}]}}`, `[1,2]`, `[1,]`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{,}`, `[,]`, `{"a" 1}`,
		`"\ud800"`, `"\udc00"`, `"\ud83d\ude00"`, `"\ud83d\u0041"`, `"\ud83dx"`, `"\ud83d\n"`, `"\uD83D\uDE00"`, `"\u12G4"`, `"\u12"`, `"\x"`, `"\`,
		`"\u0000"`, "\"\x00\"", "\"\x1f\"", "\"\x7f\"", "\"\n\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"",
		`"é"`, `"😀"`, "\"\u2028\"", "\"\ufeff\"", `"\/\b\f\n\r\t\"\\"`, `'a'`, `"a`, `a"`,
		strings.Repeat("9", 300), strings.Repeat("9", 308), strings.Repeat("9", 309), strings.Repeat("9", 310), "0." + strings.Repeat("9", 400), "-" + strings.Repeat("9", 400),
		strings.Repeat("[", 126) + strings.Repeat("]", 126), strings.Repeat("[", 127) + strings.Repeat("]", 127), strings.Repeat("[", 128) + strings.Repeat("]", 128),
		strings.Repeat(`{"a":`, 126) + "1" + strings.Repeat("}", 126), strings.Repeat(`{"a":`, 128) + "1" + strings.Repeat("}", 128),
		strings.Repeat("[", 127) + "1", strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
		`{"$ip":0}`, `{"$ip":null}`, `{"\u0024ip":"1.2.3.4"}`, `{"$IP":0}`, `{ "x" : 1 , "$ip" : 1 }`, `{ }`, "{\t}", `{"$lib":"x"}`, `{"a":{"$ip":1},"b":2}`,
	}
	times = []string{
		`"2023-01-01T12:00:00.000Z"`, `"2023-01-01T12:00:00"`, `"2023-01-01 12:00:00"`, `"2023-01-01"`, `"2023-01-01T12:00:00+0200"`, `"2023-01-01T12:00:00+02"`,
		`"2023-01-01T12:00:00+02:00"`, `"2023-01-01T12:00:00,5Z"`, `"2023-01-01T1:00:00Z"`, `"2023-13-01"`, `"2023-02-30"`, `"2023-01-01T24:00:00Z"`, `"2023-01-01T12:60:00Z"`,
		`"2023-01-01T12:00:60Z"`, `"2023-01-01T12:00:00.Z"`, `"2023-01-01T12:00:00.1234567890123Z"`, `"2023-01-01t12:00:00z"`, `"2023-01-01T12:00"`, `"2023-01-01T12:00Z"`, `"garbage"`, `""`, `" "`,
		`"0000-01-01"`, `"9999-12-31T23:59:59Z"`, `"10000-01-01"`, `"2023-01-01T12:00:00\u005a"`, `"2023\u002d01-01"`, `"2023-01-01T12:00:00Z "`, `" 2023-01-01"`,
		`1672574400`, `1672574400000`, `-1`, `0`, `-0`, `1.0`, `1e3`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `99999999999`, `100000000000`, `253402300799999`, `253402300800000`, `-62135596800000`,
		`null`, `true`, `{}`, `[]`, `"2023-01-01T12:00:00-24:00"`, `"2023-01-01T12:00:00+23:59"`, `"2023-01-01T12:00:00Z07:00"`, `"20230101T120000Z"`, `"2023-01-01 12:00:00 +02:00"`, `"2023-01-01  12:00:00"`,
	}
	names = []string{"environment", "event", "distinct_id", "anonymous_id", "device_id", "session_id", "properties", "traits", "new_user_id", "timestamp",
		"extra", "$ip", "Environment", `environ\u006dent`, `\u0065vent`, "", `\ud800`, "é", `timest\u0061mp`, `p\u0072operties`}
	good = map[string][]string{
		"track":    {`"environment":"production"`, `"event":"signed_up"`, `"properties":{}`, `"distinct_id":"u_1"`, `"timestamp":"2023-01-01T12:00:00.000Z"`},
		"identify": {`"environment":"staging"`, `"distinct_id":"u_1"`, `"traits":{"plan":"pro"}`, `"timestamp":"2023-01-01T12:00:00.000Z"`},
		"alias":    {`"environment":"production"`, `"distinct_id":"a_1"`, `"new_user_id":"u_1"`, `"timestamp":"2023-01-01T12:00:00.000Z"`},
	}
	endpoints = []string{"track", "identify", "alias"}
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// message returns one that is mostly right.
func message(r *rand.Rand, endpoint string) string {
	members := append([]string(nil), good[endpoint]...)
	for range r.IntN(3) {
		switch r.IntN(6) {
		case 0:
			i := r.IntN(len(members))
			members = append(members[:i], members[i+1:]...)
		case 1:
			members = append(members, `"timestamp":`+pick(r, times))
		case 2:
			i := r.IntN(len(members))
			name, _, _ := strings.Cut(members[i], ":")
			members[i] = name + ":" + pick(r, values)
		case 3:
			members = append(members, `"`+pick(r, names)+`":`+pick(r, values))
		case 4:
			i := len(members) - 1
			members[i] = `"timestamp":` + pick(r, times)
		case 5:
			members = members[:len(members)-1]
		}
		if len(members) == 0 {
			break
		}
	}
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	comma, open, shut := ",", "{", "}"
	if r.IntN(3) == 0 {
		comma, open, shut = pick(r, []string{" , ", ",\n", "\t,"}), "{ ", "\r\n}"
	}
	return open + strings.Join(members, comma) + shut
}

func text(r *rand.Rand, endpoint string) string {
	if r.IntN(3) == 0 {
		return message(r, endpoint)
	}
	list := make([]string, r.IntN(4))
	for i := range list {
		list[i] = message(r, endpoint)
		if r.IntN(20) == 0 {
			list[i] = pick(r, values)
		}
	}
	return "[" + strings.Join(list, ",") + "]"
}

// marks are bytes that mean something in JSON, and one that is not UTF-8 alone.
const marks = "{}[]\",:\\u0e-. \n\xef"

// mutate changes bytes of a body.
func mutate(r *rand.Rand, text string) []byte {
	b := []byte(text)
	for range 1 + r.IntN(2) {
		if len(b) == 0 {
			return b
		}
		i, j := r.IntN(len(b)), r.IntN(len(b))
		switch r.IntN(5) {
		case 0:
			b[i] = byte(r.IntN(256))
		case 1:
			b = append(b[:i:i], b[i+1:]...)
		case 2:
			b = append(b[:i:i], append([]byte{marks[r.IntN(len(marks))]}, b[i:]...)...)
		case 3:
			b = b[:i]
		case 4:
			b[i], b[j] = b[j], b[i]
		}
	}
	return b
}

func TestAnswersAreTheAPIs(t *testing.T) {
	o := newOracle(t)
	r := rand.New(rand.NewPCG(1, 2))
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	seen := map[string]int{}
	for range n {
		endpoint := pick(r, endpoints)
		b := text(r, endpoint)
		seen[requireAsAPI(t, o, endpoint, []byte(b))]++
		seen[requireAsAPI(t, o, endpoint, mutate(r, b))]++
	}
	for _, answer := range []string{"200 ", "400 ", "422 ", "400 environment-not-found", "400 insert-failed", "400 identify-failed", "400 alias-failed"} {
		require.Greater(t, seen[answer], n/500, "%q: %v", answer, seen)
	}
}

func TestEveryValueOfEveryMemberIsAnsweredAsByTheAPI(t *testing.T) {
	o := newOracle(t)
	for _, endpoint := range endpoints {
		for _, name := range names {
			for _, value := range append(append([]string(nil), values...), times...) {
				var members []string
				for _, m := range good[endpoint] {
					if !strings.HasPrefix(m, `"`+name+`"`) {
						members = append(members, m)
					}
				}
				rest := strings.Join(members, ",")
				requireAsAPI(t, o, endpoint, []byte(`{"`+name+`":`+value+`,`+rest+`}`))
				if !testing.Short() {
					requireAsAPI(t, o, endpoint, []byte(`[{`+rest+`,"`+name+`":`+value+`}]`))
				}
			}
		}
	}
}

func TestWhatIsAroundMessagesIsAnsweredAsByTheAPI(t *testing.T) {
	o := newOracle(t)
	for _, endpoint := range endpoints {
		m := "{" + strings.Join(good[endpoint], ",") + "}"
		for _, b := range []string{
			"", " ", "\n", "[]", " [ ] ", "[", "]", "{", "}", "{}", "[{}]", "null", "true", "1", `"a"`, "1 2", "[[]]", "[null]", "[1]", "[[" + m + "]]",
			m, " " + m + " \r\n\t", m + m, m + ",", m + "x", m + "\x00", "\ufeff" + m, m + "\ufeff", "\x00" + m, "\v" + m, "\u00a0" + m,
			"[" + m + "," + m + "]", "[" + m + "," + m + ",]", "[," + m + "]", "[" + m + " " + m + "]", "[" + m + "}", "[" + m, "[" + m + "]]", "[" + m + "] []",
			"[" + m + ",null]", "[" + m + ",1e400]", "[1,1e400]", "[" + m + `,{"environment":1},"\ud800"]`, "[{}," + m + "]x",
			"[" + strings.Replace(m, "production", "nowhere", 1) + `,{"timestamp":"x"}]`,
			"{" + strings.Join(good[endpoint], ",") + `,"environment":"production"}`,
			"{" + strings.Join(good[endpoint], ",") + `,"device_id":1,"device_id":2}`,
			"{" + strings.Join(good[endpoint], ",") + `,"a":1,"a":2}`,
			"[" + strings.Repeat(m+",", 150) + m + "]", "\x1f\x8b\x08\x00" + m, strings.Repeat("[", 1000), strings.Repeat("[", 128) + strings.Repeat("]", 128), strings.Repeat("[", 129) + strings.Repeat("]", 129),
		} {
			requireAsAPI(t, o, endpoint, []byte(b))
		}
	}
}

func FuzzSplit(f *testing.F) {
	for i, endpoint := range endpoints {
		f.Add(uint8(i), []byte("[{"+strings.Join(good[endpoint], ",")+"}]"))
	}
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, endpoint uint8, text []byte) {
		requireAsAPI(t, o, endpoints[int(endpoint)%len(endpoints)], text)
	})
}
