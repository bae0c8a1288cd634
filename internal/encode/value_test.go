package encode

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// encode returns value as the encoder writes it.
func encode(value any) (string, error) {
	out, err := appendValue(nil, value, 1<<30, oneLevel)
	return string(out), err
}

type stringer struct{ Name string }

func (s stringer) MarshalText() ([]byte, error) { return []byte("text " + s.Name), nil }

// Types of the kinds that services make their properties of.
type (
	plan     string
	level    uint8
	ratio    float32
	answer   bool
	shout    string // encodes itself
	whisper  string // encodes itself, but only behind a pointer
	quantity json.Number

	properties map[string]any
	traits     properties
)

func (s shout) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(strings.ToUpper(string(s)))), nil
}

func (*whisper) MarshalText() ([]byte, error) { return []byte("..."), nil }

func pointer[T any](v T) *T { return &v }

func TestEncoderWritesWhatEncodingJSONWrites(t *testing.T) {
	at := time.Date(2023, 1, 2, 3, 4, 5, 6, time.UTC)
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
		map[string]any{}, map[string]any(nil), properties(nil), traits{"a": 1},
		map[string]any{"a": map[string]any{"b": []any{1, "x", nil, []any{}}}},
		map[string]string{}, map[string]string(nil), map[string]string{"a<": "b"},
		[]any{}, []any(nil), []string{}, []string(nil), []string{"a", "b"}, []map[string]any{{"a": 1}, nil}, []map[string]any(nil),
		[]byte("bytes"), []byte{}, []byte(nil), []int{1, -2}, []int(nil), []int64{}, []int64{math.MinInt64}, []int64(nil),
		[]float64{0.1, 1e21}, []float64(nil), []bool{true}, [2]bool{true, false},
		plan("<pro>"), level(3), ratio(0.1), answer(true), time.March, quantity("1"), shout("loud"), whisper("low"),
		pointer(7), pointer("x"), pointer(plan("pro")), pointer(0.5), pointer(ratio(0.1)), pointer(true), pointer(level(3)),
		pointer(shout("loud")), pointer(whisper("low")), pointer(at), pointer(time.Second), pointer(json.Number("1.50")),
		pointer(json.RawMessage(" [ ] ")), pointer(pointer(7)), pointer[any](7), pointer([]int{1}), pointer(stringer{"x"}),
		(*int)(nil), (*time.Time)(nil), (*shout)(nil), (*chan int)(nil), (**int)(nil), struct {
			A int `json:"a,omitempty"`
			b int
		}{b: 2}, stringer{"x"}, map[stringer]int{{"x"}: 1}, map[int]string{1: "x"}, big.NewInt(12),
	} {
		want, err := json.Marshal(value)
		require.NoError(t, err)
		got, err := encode(value)
		require.NoError(t, err)
		assert.Equal(t, spelled(want), spelled([]byte(got)))
	}
}

// spelled returns text with U+FFFD as itself: encoding/json escapes it, or not
// when it is built on its v2.
func spelled(text []byte) string { return strings.ReplaceAll(string(text), `\ufffd`, "\ufffd") }

func FuzzEncodeValue(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, number float64, integer int64) {
		values := []any{number, float32(number), integer, time.Unix(integer, 0).UTC()}
		if json.Valid([]byte(text)) && !isForeign(text) {
			values = append(values, json.Number(text), json.RawMessage(text))
		}
		var decoded any
		if json.Unmarshal([]byte(text), &decoded) == nil && levels(text) <= maxLevels {
			values = append(values, decoded)
		}
		for _, value := range values {
			want, wantErr := json.Marshal(value)
			got, err := encode(value)
			require.Equal(t, wantErr == nil, err == nil, "%T: %v, %v", value, wantErr, err)
			if err != nil {
				continue
			}
			assert.Equal(t, sorted(t, want), sorted(t, []byte(got)))
			assert.Equal(t, histogram(spelled(want)), histogram(spelled([]byte(got))))
		}
	})
}

// histogram counts bytes: members may be in any order, but in the same form.
func histogram(text string) (counts [256]int) {
	for i := range len(text) {
		counts[text[i]]++
	}
	return counts
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
