package spool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The lines of docs/spool-format.md.
func TestLines(t *testing.T) {
	for want, line := range map[string][]byte{
		"m 20a9e256 0 track 1795559525396289 " + `{"environment":"production","event":"e0","properties":{},"distinct_id":"u_1","timestamp":"2026-11-24T22:32:05.396Z"}`: appendMessage(nil, &Message{
			Accepted: start, JSON: []byte(`{"environment":"production","event":"e0","properties":{},"distinct_id":"u_1","timestamp":"2026-11-24T22:32:05.396Z"}`)}),
		"d 8b0cf629 0-0,3-3": appendDone(nil, []uint32{0, 3}),
	} {
		assert.Equal(t, want+"\n", string(line))
	}
	assert.Equal(t, "1-4,6-6,8-9\n", string(appendDone(nil, []uint32{1, 2, 3, 4, 6, 8, 9})[len("d 00000000 "):]))
}

func FuzzLine(f *testing.F) {
	f.Fuzz(func(t *testing.T, line []byte) {
		kind, text, ok := parseLine(line)
		if ok {
			again := appendLine(nil, kind, func(dst []byte) []byte { return append(dst, text...) })
			require.True(t, bytes.EqualFold(append(line, '\n'), again), "a checksum's digits may be in either case")
		}
		if m, ok := parseMessage(line); ok { // any text may have its checksum
			_, text, _ := parseLine(bytes.TrimSuffix(appendMessage(nil, &m), []byte("\n")))
			again, ok := parseMessage(text)
			require.True(t, ok)
			require.Equal(t, m, again)
		}
		if set, ok := seqSet(nil).parse(line); ok {
			for _, r := range set {
				require.LessOrEqual(t, r.first, r.last)
			}
			merged := set.merge()
			for i, r := range merged {
				require.True(t, merged.has(r.first) && merged.has(r.last))
				if i > 0 {
					require.Greater(t, uint64(r.first), uint64(merged[i-1].last)+1)
				}
			}
		}
	})
}

func TestParseMessage(t *testing.T) {
	for text, ok := range map[string]bool{
		"0 track 1 {}": true, "4294967295 alias -1 ": true, fmt.Sprintf("0 identify %d x y z", int64(math.MaxInt64)): true,
		"": false, "0 track 1": false, "x track 1 {}": false, "-1 track 1 {}": false, "4294967296 track 1 {}": false,
		"0 other 1 {}": false, "0  1 {}": false, "0 track x {}": false, "0 track 9223372036854775808 {}": false,
	} {
		_, got := parseMessage([]byte(text))
		assert.Equal(t, ok, got, "%q", text)
	}
	m, _ := parseMessage([]byte(`7 identify 1000000 {"a": 1}`))
	assert.Equal(t, Message{Endpoint: Identify, Accepted: time.Unix(1, 0), JSON: []byte(`{"a": 1}`), Ref: Ref{seq: 7}}, m)
}

func TestEnvironment(t *testing.T) {
	for message, want := range map[string]string{
		`{"environment":"staging","event":"e"}`: "staging", `{"environment":""}`: "", `{"environment":"a\"b"}`: `a"b`, `{"environment":"\u00e9"}`: "é",
		`{ "environment" : "spaced" }`: "spaced", `{"event":"e","environment":"later"}`: "later", `{"event":"e"}`: "", `{"environment":7}`: "", `{"environment":"cut`: "", ``: "",
	} {
		assert.Equal(t, want, environment([]byte(message)), message)
	}
}

func FuzzEnvironment(f *testing.F) {
	f.Fuzz(func(t *testing.T, name string) {
		message, err := json.Marshal(map[string]string{"environment": name, "event": "e"})
		require.NoError(t, err)
		var want struct{ Environment string }
		require.NoError(t, json.Unmarshal(message, &want))
		require.Equal(t, want.Environment, environment(message))
	})
}
