package encode

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

	back := &link{}
	back.Back, back.private = back, back
	round := &opaque{}
	round.Itself = round
	embedded := base{map[string]map[string]int{"a": {"b": 1}}, [][]string{{"x"}, nil}, [2]any{nil, map[string]bool{"c": true}}}
	for _, value := range []any{back, round, struct{ A *opaque }{round}, struct{ base }{embedded}, struct{ *base }{&embedded}, struct{ *base }{}} {
		want, err := json.Marshal(value)
		require.NoError(t, err)
		got, err := encode(value)
		require.NoError(t, err)
		assert.Equal(t, string(want), got)
	}
}

type fold struct{ F any }

// The server's parser takes 128 levels, of which the batch, the message and its
// properties are three. What it would refuse is refused at the call.
func TestEncoderTakesAsManyLevelsAsTheServer(t *testing.T) {
	for name, test := range map[string]struct{ innermost, around func(any) any }{
		"lists":              {func(any) any { return []any{} }, func(v any) any { return []any{v} }},
		"objects":            {func(any) any { return map[string]any{} }, func(v any) any { return map[string]any{"": v} }},
		"lists of strings":   {func(any) any { return []string{} }, func(v any) any { return []any{v} }},
		"named lists":        {func(any) any { return []ratio{1} }, func(v any) any { return [1]any{v} }},
		"named maps":         {func(any) any { return properties{} }, func(v any) any { return map[plan]any{"": v} }},
		"maps of named":      {func(any) any { return map[plan]int{} }, func(v any) any { return []any{v} }},
		"lists of pointers":  {func(any) any { return []*int{pointer(1), nil} }, func(v any) any { return []any{v} }},
		"pointers":           {func(any) any { return &[]int{} }, func(v any) any { return &map[string]any{"": &v} }},
		"structs":            {func(any) any { return struct{}{} }, func(v any) any { return fold{v} }},
		"pointed structs":    {func(any) any { return &struct{}{} }, func(v any) any { return &fold{&v} }},
		"embedded structs":   {func(any) any { return struct{ base }{} }, func(v any) any { return &struct{ *fold }{&fold{v}} }},
		"lists of structs":   {func(any) any { return map[int]any{} }, func(v any) any { return map[int]any{1: v} }},
		"arrays":             {func(any) any { return [0]int{} }, func(v any) any { return [1]any{v} }},
		"raw JSON":           {func(any) any { return json.RawMessage("[]") }, func(v any) any { return []any{v} }},
		"raw JSON in itself": {func(any) any { return json.RawMessage(`{}`) }, func(v any) any { return append(append(json.RawMessage("["), v.(json.RawMessage)...), ']') }},
		"a method's JSON":    {func(any) any { return foreign("[]") }, func(v any) any { return "[" + v.(foreign) + "]" }},
		"errors":             {func(any) any { return []error{unseen{}} }, func(v any) any { return fold{v} }},
		"scalars": {func(any) any {
			return []any{unseen{}, json.Number("1"), level(1), pointer(1), []byte("x"), time.Unix(0, 0), plan("x"), (*int)(nil), []int(nil)}
		}, func(v any) any { return fold{v} }},
	} {
		value := test.innermost(nil)
		for range maxLevels - 1 {
			value = test.around(value)
		}
		text, err := encode(value)
		require.NoError(t, err, name)
		assert.GreaterOrEqual(t, levels(text), maxLevels, name)
		_, err = encode(test.around(value))
		assert.Equal(t, errTooDeep, err, name)
	}
}
