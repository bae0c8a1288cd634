package altertable

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// encode returns value as the encoder writes it.
func encode(value any) (string, error) {
	out, err := appendValue(nil, value, 1<<30, 1)
	return string(out), err
}

type stringer struct{ Name string }

func (s stringer) MarshalText() ([]byte, error) { return []byte("text " + s.Name), nil }

func TestEncoderWritesWhatEncodingJSONWrites(t *testing.T) {
	number := 7
	for _, value := range []any{
		nil, "", "plain", "quote \" backslash \\ slash /", "\x00\x01\b\f\n\r\t\x1f\x7f", "<a href='x'>&amp;</a>",
		"\u2028\u2029", "\xff\xc3(", "caf\u00e9 \U0001F600", true, false,
		0, -1, int8(-128), int16(-32768), int32(math.MinInt32), int64(math.MinInt64),
		uint(1), uint8(255), uint16(65535), uint32(math.MaxUint32), uint64(math.MaxUint64), uintptr(5),
		float32(0.1), float32(1e-7), float32(1e21), 0.0, math.Copysign(0, -1), 0.1, 1e20, 1e21, 1e-6, 1e-7, 1.5e-9, 1e-10, 1e300,
		math.MaxFloat64, math.SmallestNonzeroFloat64, 100.0, 12.5,
		time.Second, time.Date(2023, 1, 2, 3, 4, 5, 6, time.UTC), time.Date(2023, 1, 2, 3, 4, 5, 0, time.FixedZone("", -3600)),
		json.Number("1.50"), json.Number("-0"), json.Number("1e9"), json.Number(""),
		json.RawMessage(` { "a" : [ 1 , "x y\" <" ] } `), json.RawMessage(nil), json.RawMessage("\"\u2028\""),
		map[string]any{}, map[string]any(nil), Properties(nil), Traits{"a": 1},
		map[string]any{"a": map[string]any{"b": []any{1, "x", nil, []any{}}}},
		map[string]string{}, map[string]string(nil), map[string]string{"a<": "b"},
		[]any{}, []any(nil), []string{}, []string(nil), []string{"a", "b"}, []map[string]any{{"a": 1}, nil}, []map[string]any(nil),
		[]byte("bytes"), []byte(nil), []int{1, 2}, [2]bool{true, false}, &number, (*int)(nil), struct {
			A int `json:"a,omitempty"`
			b int
		}{b: 2}, stringer{"x"}, map[stringer]int{{"x"}: 1}, map[int]string{1: "x"}, big.NewInt(12), errors.New("x"),
	} {
		want, err := json.Marshal(value)
		require.NoError(t, err)
		got, err := encode(value)
		require.NoError(t, err)
		assert.Equal(t, string(want), got)
	}
}

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.New("secret@example.com") }

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("secret@example.com") }

type invalid struct{}

func (invalid) MarshalJSON() ([]byte, error) { return []byte("{secret@example.com"), nil }

func TestEncoderSaysWhatItCannotExpress(t *testing.T) {
	cycle := map[string]any{}
	cycle["secret@example.com"] = map[string]any{"again": cycle}
	list := []any{nil}
	list[0] = list
	type node struct{ Next *node }
	ring := &node{}
	ring.Next = ring
	for text, value := range map[string]any{
		"holds a value of type chan int, which JSON cannot express":     make(chan int),
		"holds a value of type func(), which JSON cannot express":       func() {},
		"holds a value of type complex128, which JSON cannot express":   1i,
		"holds a value of type map[bool]int, which JSON cannot express": map[bool]int{true: 1},
		"holds NaN or an infinity, which JSON cannot express":           math.NaN(),
		"holds a cycle": cycle,
		"holds a time.Time that RFC 3339 cannot express":                       time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"holds a json.Number that is no number":                                json.Number("secret@example.com"),
		"holds a json.RawMessage that is not JSON":                             json.RawMessage(`{"a":`),
		"holds a value of type altertable.failing whose encoding failed":       failing{},
		"holds a value of type altertable.panicking whose encoding panicked":   panicking{},
		"holds a value of type altertable.invalid whose encoding failed":       invalid{},
		"holds a value of type []altertable.panicking whose encoding panicked": []panicking{{}},
	} {
		_, err := encode(map[string]any{"secret@example.com": value})
		assert.EqualError(t, err, text)
	}
	for _, value := range []any{math.Inf(1), float32(math.Inf(-1)), []float64{math.NaN()}, list, ring, json.Number(" 1"), json.Number("1 "), json.Number("nan"), json.RawMessage{}} {
		_, err := encode(value)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestEncoderMakesInvalidUTF8OfRawJSONValid(t *testing.T) {
	got, err := encode(json.RawMessage("\"a\xffb\""))
	require.NoError(t, err)
	assert.Equal(t, `"a\ufffdb"`, got)
}

// loud counts how much of a long list is encoded.
type loud struct{ count *int }

func (l loud) MarshalJSON() ([]byte, error) { *l.count++; return []byte(`"0123456789"`), nil }

func TestEncoderStopsAtItsLimit(t *testing.T) {
	count := 0
	long := make([]any, 1000)
	for i := range long {
		long[i] = loud{&count}
	}
	huge := strings.Repeat("x", 1000)
	for _, value := range []any{
		long, huge, []any{huge, huge}, []string{"a", huge}, map[string]string{"a": huge}, map[string]any{huge: 1},
		[]byte(huge), json.RawMessage(`"` + huge + `"`), map[string]any{"a": []map[string]any{{"b": huge}}}, struct{ A string }{huge},
	} {
		_, _, err := appendMembers(nil, map[string]any{"a": value}, 100)
		assert.ErrorIs(t, err, errEncodingTooLarge)
	}
	assert.Less(t, count, 20)
	out, _, err := appendMembers(nil, map[string]any{"a": strings.Repeat("x", 94)}, 100)
	require.NoError(t, err)
	assert.Len(t, out, 100)
}

func TestEncoderReportsPlatformNames(t *testing.T) {
	_, dollar, err := appendMembers(nil, map[string]any{"a": 1, "$ip": "1.2.3.4"}, 1000)
	require.NoError(t, err)
	assert.True(t, dollar)
	_, dollar, err = appendMembers(nil, map[string]any{"a$": map[string]any{"$b": 1}, "": 2}, 1000)
	require.NoError(t, err)
	assert.False(t, dollar)
}

func TestTimestampHasThreeDecimalsOrSix(t *testing.T) {
	for want, at := range map[string]time.Time{
		`"2023-01-01T12:00:00.000Z"`:    time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC),
		`"2023-01-01T12:00:00.120Z"`:    time.Date(2023, 1, 1, 12, 0, 0, 120_000_000, time.UTC),
		`"2023-01-01T12:00:00.120001Z"`: time.Date(2023, 1, 1, 12, 0, 0, 120_001_999, time.UTC),
		`"0001-01-01T00:00:00.000Z"`:    time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		`"9999-12-31T23:59:59.999999Z"`: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		assert.Equal(t, want, string(appendTimestamp(nil, at.UnixMicro())))
	}
}

func TestEncoderDoesNotAllocate(t *testing.T) {
	var properties any = map[string]any{
		"string": "caf\u00e9 <b>", "int": 7, "float": 12.5, "bool": true, "nil": nil, "time": time.Now(), "duration": time.Second,
		"map": map[string]any{"list": []any{1, "x"}}, "strings": []string{"a", "b"}, "texts": map[string]string{"a": "b"},
	}
	dst := make([]byte, 0, 4096)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := appendValue(dst, properties, 4096, 1); err != nil {
			t.Error(err)
		}
	}))
}

func FuzzEncodeString(f *testing.F) {
	for _, s := range []string{"", "a\"b\\", "<>&\u2028", "\xff\xfe", "\x00\x1f\x7f", "\U0001F600", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(appendString(nil, s)))
	})
}

func FuzzEncodeValue(f *testing.F) {
	f.Add(`{"a":[1,2.5,"x",null,true,{"b":{}}],"$c":-1e-9}`, 1.5, int64(-3))
	f.Add(`"\ud800 \u2028 <"`, 1e21, int64(math.MaxInt64))
	f.Add(" [ 1E400 , -0 ] ", math.SmallestNonzeroFloat64, int64(0))
	f.Fuzz(func(t *testing.T, text string, number float64, integer int64) {
		values := []any{number, float32(number), integer, json.Number(text), json.RawMessage(text), time.Unix(integer, 0).UTC()}
		var decoded any
		if json.Unmarshal([]byte(text), &decoded) == nil {
			values = append(values, decoded)
		}
		for _, value := range values {
			want, wantErr := json.Marshal(value)
			got, err := encode(value)
			require.Equal(t, wantErr == nil, err == nil, "%T: %v, %v", value, wantErr, err)
			if err == nil {
				assert.Equal(t, sorted(t, want), sorted(t, []byte(got)))
			}
		}
	})
}

// sorted returns a JSON text with the members of its objects in order.
func sorted(t *testing.T, text []byte) string {
	var value any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	require.NoError(t, d.Decode(&value))
	out, err := json.Marshal(value)
	require.NoError(t, err)
	return string(out)
}

func FuzzTimestamp(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(1672574400000001))
	f.Fuzz(func(t *testing.T, micros int64) {
		at := time.UnixMicro(micros).UTC()
		if year := at.Year(); year < 1 || year > 9999 {
			return
		}
		parsed, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(appendTimestamp(nil, micros)))
		require.NoError(t, err)
		assert.True(t, parsed.Equal(at))
	})
}
