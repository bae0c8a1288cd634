package server

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
