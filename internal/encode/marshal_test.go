package encode

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
