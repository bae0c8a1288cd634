package drain

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplit(t *testing.T) {
	for payload, want := range map[string][]string{
		`{}`:                              {`{}`},
		` {"a":[1,2]} `:                   {`{"a":[1,2]}`},
		`[{}]`:                            {`{}`},
		"\n[ {} ,\t{\"a\":\",]}\"} ]\r\n": {`{}`, `{"a":",]}"}`},
		`[{"a":"\"]},{"},{"b":"\\"}]`:     {`{"a":"\"]},{"}`, `{"b":"\\"}`},
		`[1,"x,y",null,[2,3]]`:            {`1`, `"x,y"`, `null`, `[2,3]`},
	} {
		events, err := split(nil, []byte(payload))
		require.NoError(t, err, payload)
		got := []string{}
		for _, e := range events {
			got = append(got, string(e))
		}
		assert.Equal(t, want, got, payload)
	}
	for _, payload := range []string{
		``, ` `, `x`, `1`, `"[]"`, `[`, `]`, `[]`, `[ ]`, `[,]`, `[{},]`, `[,{}]`, `[{},,{}]`, `[{}`, `[{]}`[:3], `[{}]]`, `[{}] [{}]`,
		`["a]`, `["a\"]`, `[{"a":1}}]`, "\xef\xbb\xbf[{}]",
	} {
		_, err := split(nil, []byte(payload))
		assert.Error(t, err, payload)
	}
}

// What is a JSON array is split as encoding/json splits it, and nothing makes split panic
// or read outside of the payload.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{`[{"a":"b\\\"],["},2,[3,{"x":4}]]`, `[]`, `{"a":1}`, `[[[`, `["\u0000"]`, strings.Repeat(`[`, 100)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		events, err := split(nil, payload)
		var want []json.RawMessage
		if json.Unmarshal(payload, &want) != nil || len(want) == 0 {
			return
		}
		require.NoError(t, err)
		require.Len(t, events, len(want))
		for i := range want {
			require.Equal(t, string(want[i]), string(events[i]))
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	var parts []string
	for i := range 100 {
		parts = append(parts, event("track", "production", i, "u_1", `,"plan":"business","currency":"EUR","path":"/orders/1"`))
	}
	payload := []byte("[" + strings.Join(parts, ",") + "]")
	b.SetBytes(int64(len(payload)))
	var events [][]byte
	for b.Loop() {
		events, _ = split(events[:0], payload)
	}
}
