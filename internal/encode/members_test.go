package encode

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
		}{b: 2}, stringer{"x"}, map[stringer]int{{"x"}: 1}, map[int]string{1: "x"}, big.NewInt(12), errors.New("x"),
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
	maps := []map[string]any{{}}
	maps[0]["again"] = maps
	type node struct{ Next *node }
	ring := &node{}
	ring.Next = ring
	for text, value := range map[string]any{
		"holds a value of type chan int, which JSON cannot express":        make(chan int),
		"holds a value of type func(), which JSON cannot express":          func() {},
		"holds a value of type complex128, which JSON cannot express":      1i,
		"holds a value of type map[bool]int, which JSON cannot express":    map[bool]int{true: 1},
		"holds NaN or an infinity, which JSON cannot express":              math.NaN(),
		"holds a cycle, or is nested too deeply":                           cycle,
		"holds a time.Time that RFC 3339 cannot express":                   time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"holds a json.Number that is no number":                            json.Number("secret@example.com"),
		"holds a json.RawMessage that is not JSON":                         json.RawMessage(`{"a":`),
		"holds a value of type encode.failing whose encoding failed":       failing{},
		"holds a value of type encode.panicking whose encoding panicked":   panicking{},
		"holds a value of type encode.invalid whose encoding failed":       invalid{},
		"holds a value of type []encode.panicking whose encoding panicked": []panicking{{}},
	} {
		_, err := encode(map[string]any{"secret@example.com": value})
		assert.EqualError(t, err, text)
	}
	for _, value := range []any{math.Inf(1), float32(math.Inf(-1)), []float64{math.NaN()}, pointer(math.NaN()), ratio(math.Inf(1)), list, maps, ring,
		json.RawMessage{}, pointer(json.Number("nan")), pointer(make(chan int)), pointer(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)),
		time.Date(2023, 1, 1, 0, 0, 0, 0, time.FixedZone("", 24*60*60)),
	} {
		_, err := encode(value)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// link is a type that encoding/json follows to any depth.
type link struct {
	Next    *link `json:",omitempty"`
	Any     any   `json:",omitempty"`
	Back    *link `json:"-"`
	private *link
}

type opaque struct{ Itself *opaque }

func (*opaque) MarshalText() ([]byte, error) { return []byte("opaque"), nil }

// base is embedded, where encoding/json sees its fields.
type base struct {
	Labels map[string]map[string]int
	List   [][]string
	Any    any
}

// Recursion without a bound ends the process: encoding/json's does.
func TestEncoderBoundsRecursion(t *testing.T) {
	const deep = 20_000 // a million would end the process, were it not for the bound
	list, object, chain, listed := any(nil), map[string]any{}, &link{}, &link{}
	for range deep {
		list = []any{list}
		object = map[string]any{"": object}
		chain = &link{Next: chain}
		listed = &link{Any: []*link{listed}}
	}
	type self []self
	loop := make(self, 1)
	loop[0] = loop
	var ring any
	ring = &ring
	for _, value := range []any{list, object, chain, listed, struct{ A any }{list}, struct{ *base }{&base{Any: list}}, []struct{ A any }{{object}}, loop, ring, map[int]any{1: list}} {
		_, err := encode(value)
		assert.ErrorIs(t, err, errTooDeep, "%T", value)
	}

	list, chain = nil, &link{}
	for range 5000 {
		list = []any{list}
		chain = &link{Next: chain}
	}
	back := &link{}
	back.Back, back.private = back, back
	round := &opaque{}
	round.Itself = round
	embedded := base{map[string]map[string]int{"a": {"b": 1}}, [][]string{{"x"}, nil}, [2]any{nil, map[string]bool{"c": true}}}
	for _, value := range []any{list, chain, back, round, struct{ A *opaque }{round}, struct{ base }{embedded}, struct{ *base }{&embedded}, struct{ *base }{}} {
		want, err := json.Marshal(value)
		require.NoError(t, err)
		got, err := encode(value)
		require.NoError(t, err)
		assert.Equal(t, string(want), got)
	}
}

func TestEncoderTakesTheNumbersThatEncodingJSONTakes(t *testing.T) {
	for _, text := range []string{
		"", "0", "-0", "12", "0.5", "-1.50", "1e9", "1E+9", "2.5e-10", "-", "+1", "01", "-01", ".5", "1.", "1.e5", "1e", "1e+", "1e5.",
		" 1", "1 ", "1 2", "0x1", "nan", "Infinity", "--1", "1e5e5", "1.2.3", "1,2", "[1]", "\u0661",
	} {
		want, wantErr := json.Marshal(json.Number(text))
		got, err := encode(json.Number(text))
		if wantErr != nil {
			require.ErrorIs(t, err, errInvalidNumber, "%q", text)
			continue
		}
		require.NoError(t, err, "%q", text)
		assert.Equal(t, string(want), got)
	}
}

// The scratch is used again, whatever became of the message in it.
func TestEncoderKeepsWhatItAppendsTo(t *testing.T) {
	for _, value := range []any{1, panicking{}, failing{}, make(chan int), json.RawMessage("x"), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), strings.Repeat("x", 200)} {
		out, _, _ := Members([]byte("before"), map[string]any{"a": value}, 100)
		assert.True(t, strings.HasPrefix(string(out), "before"), "%T", value)
	}
}

func TestEncoderMakesInvalidUTF8OfRawJSONValid(t *testing.T) {
	got, err := encode(json.RawMessage("\"a\xffb\""))
	require.NoError(t, err)
	assert.Equal(t, `"a\ufffdb"`, got)
	got, err = encode(garbled{})
	require.NoError(t, err)
	assert.Equal(t, `"a\ufffdb"`, got)
}

type garbled struct{}

func (garbled) MarshalJSON() ([]byte, error) { return []byte("\"a\xffb\""), nil }

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

func TestTimestampHasThreeDecimalsOrSix(t *testing.T) {
	for want, at := range map[string]time.Time{
		`"2023-01-01T12:00:00.000Z"`:    time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC),
		`"2023-01-01T12:00:00.120Z"`:    time.Date(2023, 1, 1, 12, 0, 0, 120_000_000, time.UTC),
		`"2023-01-01T12:00:00.120001Z"`: time.Date(2023, 1, 1, 12, 0, 0, 120_001_999, time.UTC),
		`"0001-01-01T00:00:00.000Z"`:    time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		`"9999-12-31T23:59:59.999999Z"`: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		assert.Equal(t, want, string(Timestamp(nil, at.UnixMicro())))
	}
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

func FuzzEncodeString(f *testing.F) {
	for _, s := range []string{"", "a\"b\\", "<>&\u2028", "\xff\xfe", "\x00\x1f\x7f", "\U0001F600", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		require.NoError(t, err)
		assert.Equal(t, spelled(want), spelled(String(nil, s)))
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
			if err != nil {
				continue
			}
			assert.Equal(t, sorted(t, want), sorted(t, []byte(got)))
			if utf8.ValidString(text) { // else encoding/json lets raw JSON pass as it is
				assert.Equal(t, histogram(spelled(want)), histogram(spelled([]byte(got))))
			}
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

func FuzzAppendTimestamp(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(-1))
	f.Add(int64(1672574400000001))
	f.Add(int64(1672574400123000))
	f.Fuzz(func(t *testing.T, micros int64) {
		at := time.UnixMicro(micros).UTC()
		if year := at.Year(); year < 1 || year > 9999 {
			return
		}
		layout := `"2006-01-02T15:04:05.000Z"`
		if at.Nanosecond()%1_000_000 != 0 {
			layout = `"2006-01-02T15:04:05.000000Z"`
		}
		assert.Equal(t, at.Format(layout), string(Timestamp(nil, micros)))
	})
}
