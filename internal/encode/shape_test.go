package encode

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand"
	"reflect"
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Structs of the kinds that encoding/json has rules for.
type (
	inner struct {
		A, B, C any
		Hidden  any `json:"-"`
		//lint:ignore SA5008 encoding/json has a rule for it
		Dash   any `json:"-,"`
		Tagged any `json:"tagged"`
		X      []any
	}
	Outer struct {
		inner
		*Other
		B        any // hides inner's
		Text     string
		Number   json.Number
		Quoted   int     `json:",string"`
		Pointed  *string `json:"pointed,string"`
		Embedded inner   // named as if it were embedded
	}
	Other struct {
		C   any // hides none, as inner's C is as deep: both are left out
		Own any `json:"A"` // wins over inner's, which has no tag
		*Outer
	}
	tagged struct {
		inner  `json:"in"`
		Other  `json:",omitempty"`
		Other2 Other `json:"other,omitempty"`
	}
	loop struct {
		*loop
		V any
	}
	twice struct {
		left
		right
	}
	thrice struct {
		farLeft
		farRight
	}
	farLeft  struct{ left }
	farRight struct{ left }
	left     struct{ inner }
	right    struct{ inner }
	same     struct{ inner2 } // of another type, with the same fields
	both     struct {
		inner
		same
	}
	inner2  inner
	Stringy interface{ String() string }
	holds   struct {
		Stringy
		Embedded_inner any
		inner
		fmt.Formatter
		level
		Month time.Month
	}

	empties struct {
		Slice   []any          `json:",omitempty"`
		Map     map[string]any `json:",omitempty"`
		Array   [0]any         `json:",omitempty"`
		Any     any            `json:",omitempty"`
		Pointer *inner         `json:",omitempty"`
		Struct  inner          `json:",omitempty"`
		Name    plan           `json:",omitempty"`
		Count   *int           `json:",omitempty"`
		Level   level          `json:",omitempty"`
		Time    time.Time      `json:",omitempty"`
		None    []any
		NoMap   map[string]any
	}
	zeros struct {
		Slice    []any      `json:",omitzero"`
		Any      any        `json:",omitzero"`
		Struct   Other      `json:",omitzero"`
		Pointer  *Other     `json:",omitzero"`
		Time     time.Time  `json:",omitzero"`
		Times    *time.Time `json:",omitzero"`
		Never    never      `json:",omitzero"`
		ByThere  always     `json:",omitzero"`
		Zeroer   zeroer     `json:",omitzero,omitempty"`
		Nevers   *never     `json:",omitzero"`
		Unmarked int
	}
	never  struct{ A any }
	always struct{ A any }
	zeroer interface{ IsZero() bool }

	marshalers struct {
		Shout    shout
		Whisper  whisper
		Whispers []whisper
		Array    [1]whisper
		Map      map[string]whisper
		Big      *big.Int
		Raw      json.RawMessage
		Time     time.Time
		Times    map[stringer]*time.Time
		Bytes    []byte
		Levels   []level
		Any      []any
	}
)

func (never) IsZero() bool   { return false }
func (*always) IsZero() bool { return true }

// replaced encodes a copy of value.
func replaced(value any) (string, error) {
	r := replacer{left: 1 << 30}
	text, err := json.Marshal(r.replace(reflect.ValueOf(value)))
	return string(text), err
}

func TestReplacerChangesNothingButErrors(t *testing.T) {
	in := inner{A: 1, B: "b", C: []any{nil}, Hidden: 1, Dash: map[string]any{"x": nil}, Tagged: pointer(1), X: []any{}}
	other := Other{C: 2, Own: in}
	outer := Outer{inner: in, Other: &other, B: true, Text: "<\xff>", Number: "1.50", Quoted: 5, Pointed: pointer("x"), Embedded: in}
	other.Outer = &Outer{Text: "not seen"}
	v := &loop{V: 1}
	v.loop = &loop{V: 2}
	at := time.Date(2023, 1, 2, 3, 4, 5, 6, time.UTC)
	marshals := marshalers{"a", "b", []whisper{"c"}, [1]whisper{"d"}, map[string]whisper{"e": "f"}, big.NewInt(12), json.RawMessage(" [ 1 ] "), at,
		map[stringer]*time.Time{{"k"}: &at}, []byte("bytes"), []level{1}, []any{pointer(whisper("g")), whisper("h"), &at}}
	for _, value := range []any{
		nil, in, &in, outer, &outer, []any{outer}, map[int]any{1: &outer}, tagged{inner: in, Other: other}, &tagged{Other2: other}, v, *v, twice{left{in}, right{in}}, thrice{farLeft{left{in}}, farRight{left{in}}},
		same{inner2(in)}, both{in, same{inner2(in)}}, holds{Stringy: big.NewInt(5), Embedded_inner: 1, inner: in, level: 3, Month: 1}, holds{},
		empties{}, &empties{}, empties{Slice: []any{}, Map: map[string]any{}, Any: 0, Pointer: &in, Name: "x", Count: pointer(0), Level: 1, None: []any{}},
		empties{Slice: []any{1}, Map: map[string]any{"a": nil}, Any: (*int)(nil), Struct: in},
		zeros{}, &zeros{}, zeros{Slice: []any{}, Any: 0, Struct: other, Pointer: &other, Time: at, Times: &time.Time{}, Zeroer: never{}, Nevers: &never{}, Unmarked: 1},
		zeros{Zeroer: (*always)(nil), Any: (*int)(nil), Times: &at, ByThere: always{1}}, zeros{Zeroer: &always{1}},
		marshals, &marshals, []marshalers{marshals, {}}, map[string]marshalers{"a": marshals},
	} {
		want, err := json.Marshal(value)
		require.NoError(t, err)
		got, err := replaced(value)
		require.NoError(t, err, "%T", value)
		assert.Equal(t, string(want), got, "%T", value)
	}
}

// The same for values that nobody thought of.
func TestReplacerChangesNothingInRandomValues(t *testing.T) {
	type leaf struct {
		A []string          `json:"a,omitempty"`
		B map[string]*int   `json:",omitempty"`
		C *bool             `json:",string,omitempty"`
		D [2]float64        `json:"d,omitzero"`
		E map[int8][]uint16 `json:",omitzero"`
		F []byte
	}
	type Branch struct {
		A []leaf
		B map[string]leaf `json:"b"`
		*leaf
		C *leaf `json:",omitzero"`
	}
	type tree struct {
		Branch
		A    [][]leaf `json:",omitempty"`
		L    []*Branch
		leaf `json:"l"`
	}
	for _, shape := range []reflect.Type{reflect.TypeFor[leaf](), reflect.TypeFor[[]leaf](), reflect.TypeFor[map[string][]*leaf]()} {
		random := rand.New(rand.NewSource(1))
		for range 20 {
			value, ok := quick.Value(shape, random)
			require.True(t, ok)
			l, _ := value.Interface().(leaf)
			b := Branch{A: []leaf{l}, B: map[string]leaf{"l": l}, C: &l, leaf: &l}
			for _, value := range []any{value.Interface(), b, &b, tree{Branch: b, L: []*Branch{&b, nil}, leaf: l}, tree{}} {
				want, err := json.Marshal(value)
				require.NoError(t, err)
				got, err := replaced(value)
				require.NoError(t, err)
				require.Equal(t, string(want), got)
			}
		}
	}
}
