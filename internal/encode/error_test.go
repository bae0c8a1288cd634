package encode

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Errors of the kinds that programs have.
type (
	unseen    struct{ text string } // the most usual kind: encoding/json sees nothing in it
	seen      struct{ Code int }
	byPointer struct{ Code int }
	code      int
	digit     uint8
	several   []error
	labels    map[string]string
	function  func() string
	wrapper   struct {
		error
		Code int
	}
	shadowed struct {
		seen
		Error string
	}

	itself      struct{ unseen }
	inText      struct{ unseen }
	itselfThere struct{ unseen } // where it has an address
)

func (e unseen) Error() string   { return e.text }
func (seen) Error() string       { return "seen" }
func (*byPointer) Error() string { return "by pointer" }
func (code) Error() string       { return "code" }
func (digit) Error() string      { return "digit" }
func (several) Error() string    { return "several" }
func (labels) Error() string     { return "labels" }
func (f function) Error() string { return f() }

func (itself) MarshalJSON() ([]byte, error)       { return []byte(`{"own":1}`), nil }
func (inText) MarshalText() ([]byte, error)       { return []byte("own"), nil }
func (*itselfThere) MarshalJSON() ([]byte, error) { return []byte(`"own"`), nil }

func TestErrorsAreTheirText(t *testing.T) {
	x := error(unseen{"x"})
	var none error
	for _, test := range []struct {
		value any
		want  string
	}{
		{x, `"x"`}, {&unseen{"x"}, `"x"`}, {errors.New("x"), `"x"`}, {errors.Join(x, x), `"x\nx"`}, {unseen{"<\xff\">"}, `"\u003c\ufffd\"\u003e"`},
		{&x, `"x"`}, {pointer(&x), `"x"`}, {pointer(any(x)), `"x"`}, {unseen{}, `""`},
		{seen{1}, `"seen"`}, {&seen{1}, `"seen"`}, {byPointer{1}, `"by pointer"`}, {&byPointer{1}, `"by pointer"`}, {pointer(&byPointer{1}), `"by pointer"`},
		{code(1), `"code"`}, {pointer(code(1)), `"code"`}, {digit(1), `"digit"`}, {several{x}, `"several"`}, {labels{"a": "b"}, `"labels"`},
		{function(func() string { return "f" }), `"f"`}, {wrapper{x, 1}, `"x"`}, {&wrapper{x, 1}, `"x"`}, {shadowed{seen{1}, "e"}, `{"Code":1,"Error":"e"}`},

		{none, `null`}, {&none, `null`}, {(*unseen)(nil), `null`}, {(*byPointer)(nil), `null`}, {several(nil), `null`}, {labels(nil), `null`}, {function(nil), `null`},

		{itself{}, `{"own":1}`}, {&itself{}, `{"own":1}`}, {inText{}, `"own"`}, {&inText{}, `"own"`}, {(*itself)(nil), `null`},
		{itselfThere{unseen{"x"}}, `"x"`}, {&itselfThere{}, `"own"`}, {[]itselfThere{{}}, `["own"]`}, {[1]itselfThere{{unseen{"x"}}}, `["x"]`},

		{[]error{x, nil, seen{}, (*byPointer)(nil), inText{}}, `["x",null,"seen",null,"own"]`}, {[]error(nil), `null`}, {[]error{}, `[]`},
		{[]unseen{{"a"}, {"b"}}, `["a","b"]`}, {[]byPointer{{}}, `["by pointer"]`}, {[1]byPointer{}, `["by pointer"]`}, {[]*byPointer{{}, nil}, `["by pointer",null]`},
		{[]code{1, 0}, `["code","code"]`}, {[]digit{1}, `["digit"]`}, {[1]digit{1}, `["digit"]`}, {[][]error{{x}, nil}, `[["x"],null]`}, {[]any{x, 1, "s", nil}, `["x",1,"s",null]`},
		{map[string]error{"a": x}, `{"a":"x"}`}, {map[string]error{"a": nil}, `{"a":null}`}, {map[string]any{"a": x}, `{"a":"x"}`}, {map[string]code{"a": 1}, `{"a":"code"}`},
		{map[int]error{2: x, 1: nil}, `{"1":null,"2":"x"}`}, {map[stringer][]error{{"k"}: {x}}, `{"text k":["x"]}`}, {map[string]map[string]error{"a": {"b": x}}, `{"a":{"b":"x"}}`},
		{map[code]int{1: 2}, `{"1":2}`}, // a name is no value

		{struct{ E error }{x}, `{"E":"x"}`}, {struct{ E error }{}, `{"E":null}`}, {struct{ E any }{x}, `{"E":"x"}`}, {&struct{ E *error }{&x}, `{"E":"x"}`},
		{struct{ E unseen }{unseen{"x"}}, `{"E":"x"}`}, {struct{ E byPointer }{}, `{"E":"by pointer"}`}, {&struct{ E byPointer }{}, `{"E":"by pointer"}`},
		{struct{ E *byPointer }{}, `{"E":null}`}, {struct{ E code }{}, `{"E":"code"}`}, {struct{ E []any }{[]any{x}}, `{"E":["x"]}`},
		{struct{ A struct{ B map[string]error } }{struct{ B map[string]error }{map[string]error{"a": x}}}, `{"A":{"B":{"a":"x"}}}`},
		{struct {
			E error `json:"-"`
			e error
			F error `json:"f,omitempty"`
			G code  `json:",omitempty"`
			H error `json:",omitempty"`
			I code  `json:",string"`
			J int   `json:",string"`
		}{E: x, e: x, H: x, J: 1}, `{"H":"x","I":"code","J":"1"}`},
	} {
		got, err := encode(test.value)
		require.NoError(t, err, "%T", test.value)
		assert.Equal(t, test.want, got, "%T", test.value)
	}
}

func TestErrorsThatCannotBeExpressed(t *testing.T) {
	panics := function(func() string { panic("secret@example.com") })
	for text, values := range map[string][]any{
		"holds a value of type encode.function whose encoding panicked": {panics, &panics, []error{panics}, map[string]error{"a": panics}, struct{ E any }{panics}, []any{panics}},
		"holds a value of type encode.wrapper whose encoding panicked":  {wrapper{}, &struct{ W wrapper }{}},
		"holds a value of type chan int, which JSON cannot express":     {[]any{unseen{}, make(chan int)}, struct{ E, C any }{unseen{}, make(chan int)}},
		"holds NaN or an infinity, which JSON cannot express":           {struct{ E, F any }{unseen{}, math.NaN()}},
		"is too large": {unseen{strings.Repeat("x", 1000)}, []error{unseen{strings.Repeat("x", 1000)}}, struct{ E any }{unseen{strings.Repeat("x", 1000)}}},
	} {
		for _, value := range values {
			out, _, err := Members([]byte("before"), map[string]any{"a": value}, 500)
			require.EqualError(t, err, text, "%T", value)
			assert.True(t, strings.HasPrefix(string(out), "before"))
		}
	}
}

// A gigabyte of texts would be in memory before the JSON turned out too large.
func TestErrorsStopAtTheLimit(t *testing.T) {
	calls := 0
	long := function(func() string { calls++; return strings.Repeat("x", 90) })
	errs := make([]error, 100)
	for i := range errs {
		errs[i] = long
	}
	_, _, err := Members(nil, map[string]any{"a": errs}, 500)
	assert.ErrorIs(t, err, ErrTooLarge)
	assert.Less(t, calls, 10)
}

// FuzzErrorText is about texts: they are what a string is.
func FuzzErrorText(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		want, err := json.Marshal(text)
		require.NoError(t, err)
		for value, around := range map[any][2]string{
			unseen{text}:                     {"", ""},
			[1]error{unseen{text}}:           {"[", "]"},
			struct{ E any }{&unseen{text}}:   {`{"E":`, "}"},
			struct{ E unseen }{unseen{text}}: {`{"E":`, "}"},
		} {
			got, err := encode(value)
			require.NoError(t, err)
			assert.Equal(t, around[0]+spelled(want)+around[1], spelled([]byte(got)))
		}
	})
}
