package main

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzJSONText compares with what encoding/json makes of the same object.
func FuzzJSONText(f *testing.F) {
	for _, text := range []string{
		`{}`, `null`, `{"b":1,"a":[true,false,null,{}],"":{"x":[]}}`, `{"n":[0,-0,1.5,-1e300,1e-7,1e21,123456789012345678901234567890,9007199254740993,1e15,-999999999999999]}`,
		`{"<a>&":"\u2028 \u0000 \" \\ é 😀 <b>"}`, `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"k":11,"l":12,"m":13,"n":14,"o":15,"p":16,"q":17,"r":18}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, numbers := range []bool{true, false} {
			decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
			if numbers {
				decoder.UseNumber()
			}
			var object map[string]any
			if decoder.Decode(&object) != nil {
				return
			}
			var want bytes.Buffer
			encoder := json.NewEncoder(&want)
			encoder.SetEscapeHTML(false)
			require.NoError(t, encoder.Encode(object))
			assert.Equal(t, want.String(), jsonText(object)+"\n")
		}
	})
}

func TestJSONTextOfNumbers(t *testing.T) {
	for want, n := range map[string]any{"-0": math.Copysign(0, -1), "1e+21": 1e21, "100000000000000000000": 1e20, "1000000000000000": 1e15, "0.1": 0.1, "1": 1} {
		assert.Equal(t, `{"n":`+want+`}`, jsonText(map[string]any{"n": n}))
	}
	assert.Panics(t, func() { jsonText(map[string]any{"n": math.NaN()}) })
}
