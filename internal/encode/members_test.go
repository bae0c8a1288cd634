package encode

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The scratch is used again, whatever became of the message in it.
func TestEncoderKeepsWhatItAppendsTo(t *testing.T) {
	for _, value := range []any{1, panicking{}, failing{}, make(chan int), json.RawMessage("x"), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), strings.Repeat("x", 200)} {
		out, _, _ := Members([]byte("before"), map[string]any{"a": value}, 100)
		assert.True(t, strings.HasPrefix(string(out), "before"), "%T", value)
	}
}

// loud counts how much of a long list is encoded.
type loud struct{ count *int }

func (l loud) MarshalJSON() ([]byte, error) { *l.count++; return []byte(`"0123456789"`), nil }

func TestEncoderStopsAtItsLimit(t *testing.T) {
	type pair struct{ A, B *pair }
	laughs := &pair{}
	for range 100 { // encoding/json would never end
		laughs = &pair{laughs, laughs}
	}
	count := 0
	long := make([]any, 1000)
	for i := range long {
		long[i] = loud{&count}
	}
	huge := strings.Repeat("x", 1000)
	for _, value := range []any{
		long, huge, []any{huge, huge}, []string{"a", huge}, map[string]string{"a": huge}, map[string]any{huge: 1},
		[]byte(huge), json.RawMessage(`"` + huge + `"`), map[string]any{"a": []map[string]any{{"b": huge}}}, struct{ A string }{huge},
		plan(huge), pointer(huge), json.Number(strings.Repeat("1", 1000)), json.RawMessage(`"` + strings.Repeat("<", 50) + `"`),
		make([]int, 1000), make([]int64, 1000), make([]float64, 1000), make([]map[string]any, 1000), map[string]string{huge: ""},
		make([]struct{}, 1000), make([]*int, 1000), map[int]string{1: huge}, []plan{plan(huge)}, [1000]bool{}, struct{ A []loud }{make([]loud, 1000)}, laughs,
	} {
		out, _, err := Members(nil, map[string]any{"a": value}, 100)
		assert.ErrorIs(t, err, ErrTooLarge, "%T", value)
		assert.Less(t, len(out), 130, "%T was encoded in full", value)
	}
	assert.Less(t, count, 20)
	out, _, err := Members(nil, map[string]any{"a": strings.Repeat("x", 94)}, 100)
	require.NoError(t, err)
	assert.Len(t, out, 100)
}

func TestEncoderTellsTheMember(t *testing.T) {
	huge := strings.Repeat("x", 1000)
	for _, test := range []struct {
		members map[string]any
		key     string
	}{
		{map[string]any{"a": 1, "bad": make(chan int), "c": 3}, "bad"},
		{map[string]any{"a": map[string]any{"deeper": failing{}}}, "a"},
		{map[string]any{"": json.Number("x")}, ""},
		{map[string]any{"a": 1, "large": huge, "c": "x"}, "large"},
		{map[string]any{"large": []any{huge}}, "large"},
		{map[string]any{"large": []plan{plan(huge)}}, "large"},
		{map[string]any{"a": strings.Repeat("x", 45), "b": strings.Repeat("x", 45), "c": strings.Repeat("x", 45)}, ""}, // none is the culprit
	} {
		for range 20 { // it comes first, in between or last
			_, _, err := Members(nil, test.members, 100)
			var member *MemberError
			require.ErrorAs(t, err, &member)
			assert.Equal(t, test.key, member.Key)
			assert.Equal(t, member.Err.Error(), err.Error(), "the key is not in the text")
		}
	}
}

func TestEncoderReportsPlatformNames(t *testing.T) {
	for range 50 { // the name comes first, in between or last
		_, dollar, err := Members(nil, map[string]any{"a": 1, "$ip": "1.2.3.4", "b": 1}, 1000)
		require.NoError(t, err)
		assert.True(t, dollar)
	}
	_, dollar, err := Members(nil, map[string]any{"a$": map[string]any{"$b": 1}, "": 2}, 1000)
	require.NoError(t, err)
	assert.False(t, dollar)
}

// The counts are averages, rounded down: json.Valid, which checks raw JSON, has a pool.
func TestEncoderDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for name, value := range map[string]any{
		"nil": nil, "string": "caf\u00e9 <b>", "invalid": "\xff", "bool": true, "int": 1 << 30, "int8": int8(1), "int16": int16(1), "int32": int32(1),
		"int64": int64(1), "uint": uint(1), "uint8": uint8(1), "uint16": uint16(1), "uint32": uint32(1), "uint64": uint64(1),
		"float32": float32(0.1), "float64": 1.5e-9, "duration": time.Second, "time": time.Now(), "*time": pointer(time.Now()),
		"number": json.Number("12.5"), "raw": json.RawMessage(`{"a": "<"}`), "bytes": []byte("bytes"),
		"map": map[string]any{"a": map[string]any{"b": 1}}, "properties": properties{"a": 1}, "traits": traits{"a": 1},
		"strings map": map[string]string{"a": "b"}, "list": []any{1, "x", []any{nil}}, "strings": []string{"a", "b"},
		"ints": []int{1}, "int64s": []int64{1}, "floats": []float64{1}, "maps": []map[string]any{{"a": 1}},
		"named": plan("pro"), "named number": level(3), "*string": pointer("x"), "*int": pointer(1), "nil pointer": (*int)(nil),
	} {
		properties := map[string]any{"p": value}
		assert.Zero(t, testing.AllocsPerRun(1000, func() {
			if _, _, err := Members(dst, properties, cap(dst)); err != nil {
				t.Error(err)
			}
		}), name)
	}
}
