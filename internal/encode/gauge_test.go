package encode

import (
	"encoding/json"
	"testing"

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
